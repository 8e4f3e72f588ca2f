#!/usr/bin/env python3
"""Measures how soon a run whose journal has 100,000 records is ready to act when it is taken up.

    tests/bench/resume.py BINARY [FOLDER] [RECORDS]

A small real drill is killed in the middle of a step. Its journal is made as long as that of a drill of many days, by
samples of a service that goes up and down, chained as Muster chains them. Then `muster resume` is timed from its start
until it says that the run is taken up, which is when the first act may follow. Prints the milliseconds.
"""

import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

LAB = "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }\n"
DRILL = """muster: 1
name: drill
title: A drill of many days
owner: me
infrastructure: lab.yaml
services:
  web: { title: Web, probe: { tcp: "127.0.0.1:9", every: 100ms, timeout: 90ms } }
phases:
  - name: failover
    steps:
      - { id: quick, command: { argv: ["true"] } }
      - { id: long, command: { argv: [sleep, "600"], repeatable: true } }
"""


def left_behind(binary, folder):
    """Starts the drill, kills it when its second step is under way, and gives its journal."""
    (folder / "lab.yaml").write_text(LAB)
    (folder / "drill.yaml").write_text(DRILL)
    argv = [binary, "run", "drill.yaml", "--mode", "planned", "--execute", "--yes", "--quiet"]
    run = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL)
    for _ in range(3000):
        journals = list(folder.glob("reports/*/journal.jsonl"))
        text = journals[0].read_text() if journals else ""
        if '"step":"long"' in text and '"kind":"sampled"' in text:
            run.send_signal(signal.SIGKILL)
            run.wait()
            return journals[0]
        time.sleep(0.01)
    run.kill()
    run.wait()
    raise SystemExit("the drill did not come to its second step")


def lengthen(journal, records):
    """Adds samples that say something new each time."""
    lines = [line for line in journal.read_text().splitlines() if line.endswith("}")]
    last = json.loads(lines[-1])
    sampled = next(json.loads(line)["event"] for line in lines if '"kind":"sampled"' in line)
    # A Sample that differs from the one before in what it says: well, and not well.
    ill = sampled["first"]
    well = {**ill, "result": "healthy"}
    head = hashlib.sha256(lines[-1].encode()).hexdigest()
    elapsed = last["elapsed_ns"]
    tick = ill["tick"] + 10
    with journal.open("w") as out:
        out.write("\n".join(lines) + "\n")
        for seq in range(len(lines), records):
            tick, elapsed = tick + 1, elapsed + 100_000_000
            first = {**(well if seq % 2 else ill), "tick": tick, "scheduled": elapsed, "sent": elapsed, "answered": elapsed}
            event = {"kind": "sampled", "probe": sampled["probe"], "last": None, "first": first}
            line = json.dumps(
                {"seq": seq, "at": last["at"], "elapsed_ns": elapsed, "run": last["run"], "event": event, "prev": head},
                separators=(",", ":"),
            )
            head = hashlib.sha256(line.encode()).hexdigest()
            out.write(line + "\n")
    return journal.parent.name


def ready(binary, folder, run):
    """Milliseconds until a run is taken up; it is killed then."""
    began = time.monotonic()
    argv = [binary, "resume", run, "--yes", "--format", "json"]
    resumed = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in resumed.stdout:
        if b'"kind":"resumed"' in line:
            taken = time.monotonic() - began
            resumed.send_signal(signal.SIGKILL)
            resumed.wait()
            return taken * 1000
    raise SystemExit(f"it never said that the run is taken up (exit {resumed.wait()}): {resumed.stderr.read().decode()}")


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    records = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    with tempfile.TemporaryDirectory(prefix="muster-resume-", dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        folder = pathlib.Path(folder)
        run = lengthen(left_behind(binary, folder), records)
        times = sorted(ready(binary, folder, run) for _ in range(5))
        print(f"ready to act: {times[len(times) // 2]:.0f} ms after the start, for a journal of {records:,} records")


if __name__ == "__main__":
    main()
