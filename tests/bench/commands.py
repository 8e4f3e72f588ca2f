#!/usr/bin/env python3
"""Measures how soon a run takes what it is told from another terminal, while its journal is written flat out.

    tests/bench/commands.py BINARY [FOLDER] [COMMANDS]

A chain of real steps that do nothing is run, and told to pause and to go on again, over and over. From the moment that
stands beside a command in the store to the one of its event in the journal is what is measured. Prints the median and the
slowest in milliseconds; 250 ms are promised.
"""

import datetime
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

LAB = "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }\n"
HEAD = "muster: 1\nname: drill\nowner: me\ninfrastructure: lab.yaml\nphases:\n  - name: failover\n    steps:\n"
STEPS = 100_000


def moment(text):
    """Nanoseconds of a time of day with nine digits."""
    whole, digits = text.rstrip("Z").split(".")
    at = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(at.timestamp()) * 1_000_000_000 + int(digits)


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    with tempfile.TemporaryDirectory(prefix="muster-commands-", dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        folder = pathlib.Path(folder)
        (folder / "lab.yaml").write_text(LAB)
        steps = "".join(f"      - {{ id: s{n}, command: {{ argv: [\"true\"] }} }}\n" for n in range(STEPS))
        (folder / "drill.yaml").write_text(HEAD + steps)
        argv = [binary, "run", "drill.yaml", "--mode", "planned", "--execute", "--yes", "--quiet"]
        run = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not any(path.stat().st_size > 200_000 for path in folder.glob("reports/*/journal.jsonl")):
            time.sleep(0.01)
        for _ in range(count // 2):
            subprocess.run([binary, "pause"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
            subprocess.run([binary, "continue"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        store = sqlite3.connect(folder / "reports" / "muster.db")
        given = [moment(at) for (at,) in store.execute("SELECT at FROM commands ORDER BY id")]
        journal = next(folder.glob("reports/*/journal.jsonl"))
        lines = [line for line in journal.read_text().splitlines() if '"kind":"commanded"' in line]
        taken = [moment(json.loads(line)["at"]) for line in lines]
        run.kill()
        run.wait()
        late = sorted((then - at) / 1e6 for at, then in zip(given, taken))
        print(f"{len(late)} commands: median {late[len(late) // 2]:.0f} ms, slowest {late[-1]:.0f} ms")


if __name__ == "__main__":
    main()
