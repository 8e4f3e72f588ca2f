#!/usr/bin/env python3
"""A provider for Muster's `exec`: a DNS-like record and a compute group that live in a JSON file.

Muster runs it anew for each call: one JSON object on standard input, one on standard output. In place of the file
yours would talk to your load balancer, your virtual machines, your cloud. docs/providers/exec.md has the protocol.

    resources:
      code:
        dns:
          provider: exec
          command: [python3, exec-provider.py]
          name: code.example.test
          targets: { primary: [192.0.2.10], secondary: [198.51.100.10] }
          settings: { file: world.json }
      web-servers:
        compute: { provider: exec, command: [python3, exec-provider.py], settings: { file: world.json } }

The file to begin with:

    {"code": {"values": ["192.0.2.10"], "ttl": "5s"},
     "web-servers": {"primary": {"desired": 2, "capacity": 4}, "secondary": {"desired": 0, "capacity": 4}}}
"""

import fcntl
import json
import os
import sys


class Problem(Exception):
    """What Muster is told in place of a result: refused, changed, transient, unsupported or unreachable."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def record(call, act, args, name, world):
    """A DNS record: its values and TTL, as one server has them."""
    here = world[name]
    if call == "observe":
        return {"values": here["values"], "ttl": here["ttl"]}
    if (call, act) == ("apply", "change"):
        # Only if it is what was observed before: somebody else may have been here.
        if sorted(here["values"]) != sorted(args["expected"]["values"]):
            raise Problem("changed", f"{name} is {' '.join(here['values'])} now")
        here.update(values=args["to"]["values"], ttl=args["to"]["ttl"])
        return None
    if (call, act) in (("ask", "authoritative"), ("ask", "resolvers")):
        return [{"server": "the file", "values": here["values"], "ttl": here["ttl"]}]
    raise Problem("unsupported", f"a record in a file can't {call} {act}")


def compute(call, act, args, name, world):
    """A group of servers in each region; they are up at once."""
    here = world[name]
    if call == "observe":
        return {role: {**group, "running": group["desired"]} for role, group in here.items()}
    if (call, act) == ("apply", "scale"):
        group = here[args["region"]]
        if args["servers"] > group["capacity"]:
            raise Problem("refused", f"{args['region']} has room for {group['capacity']} servers")
        group["desired"] = args["servers"]
        return None
    raise Problem("unsupported", f"a group in a file can't {call} {act}")


def mark(call, args, name, world):
    """The mark of the run that may change this: another run's stands until it is taken away or passed over."""
    marks = world.setdefault("marks", {})
    there, ours = marks.get(name), args["marker"]
    continues = there is None or (there["run"] == ours["run"] and there["fencing"] <= ours["fencing"])
    if call == "undo":
        if there is not None and continues:
            del marks[name]
        return None
    if not continues and there != args["over"]:
        return {"taken": there}
    marks[name] = ours
    return "ours"


def main():
    request = json.load(sys.stdin)
    call, act, args, name = request["call"], request["act"], request["args"], request["resource"]
    path = request["settings"]["file"]
    with open(path, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        world = json.load(file)
        there = world.get("marks", {}).get(name)
        try:
            if act == "claim":
                result = mark(call, args, name, world)
            elif call in ("apply", "undo") and there is not None and there["run"] != request["run"]:
                raise Problem("refused", f"the run {there['run']} has {name} since {there['since']}")
            elif request["kind"] == "dns":
                result = record(call, act, args, name, world)
            elif request["kind"] == "compute":
                result = compute(call, act, args, name, world)
            else:
                raise Problem("unsupported", f"no {request['kind']} lives in a file")
            answer = {"ok": result}
        except Problem as problem:
            answer = {"error": {"kind": problem.kind, "text": str(problem)}}
        if call in ("apply", "undo") and "ok" in answer:
            file.seek(0)
            json.dump(world, file)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
