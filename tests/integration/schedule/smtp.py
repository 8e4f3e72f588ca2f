"""A mail server (aiosmtpd) that takes one mail: its port in the first line, the mail as JSON in the second."""

import email
import email.policy
import json
import socket
import threading

from aiosmtpd.controller import Controller

taken = threading.Event()
mail = {}


class Handler:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.update({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["subject"]})
        mail["body"] = message.get_content()
        taken.set()
        return "250 OK"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
controller = Controller(Handler(), hostname="127.0.0.1", port=port)
controller.start()
print(port, flush=True)
taken.wait(60)
controller.stop()
print(json.dumps(mail), flush=True)
