"""Checks a webhook's signature as docs/serve.md says."""

import hashlib
import hmac
import json
import sys

it = json.load(sys.stdin)
secret, timestamp, body = it["secret"].encode(), it["timestamp"], it["body"].encode()
expected = "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
print(hmac.compare_digest(expected, it["signature"]))
