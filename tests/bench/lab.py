#!/usr/bin/env python3
"""The shipped quarterly drill on the lab, again and again: what Muster says is held against what the clients saw.

    cargo build --release --locked --bins --example lab
    tests/bench/lab.py                  # 20 drills, planned and unplanned in turn: about a quarter of an hour
    tests/bench/lab.py --drills 2

For each drill and service: the printed recovery time agrees with the clients' and is at most two probe intervals plus 20 ms
wide (the clients look now and then too, so both are intervals, and the truth is in both); what was lost is what the clients lost; and afterwards the lab is as it was and nothing leaked. Exits with 1 if
anything of that does not hold.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone

HERE = pathlib.Path(__file__).resolve().parents[2]
# What of the clients' attempts tells whether a service is up, and how often Muster asks it, in seconds.
SERVICES = {"web": ("write", 1.0), "push": ("push", 2.0), "ssh": ("connect", 2.0)}
SLACK = 0.020
# How long the lab may take to start, in seconds.
UP_MOST = 15
PRIMARY, SECONDARY = "127.0.10.1", "127.0.20.1"


def repositories(folder):
    """The bare repositories under a folder. What is in one of them comes and goes while it is pushed to."""
    found = []
    for at, folders, _ in os.walk(folder):
        bare = [name for name in folders if name.endswith(".git")]
        found += [os.path.relpath(os.path.join(at, name), folder) for name in bare if name != "proof.git"]
        folders[:] = [name for name in folders if name not in bare]
    return sorted(found)


def seconds(text):
    """A time of the clients' log, to the nanosecond, as seconds."""
    head, _, fraction = text.rstrip("Z").partition(".")
    whole = datetime.fromisoformat(head).replace(tzinfo=timezone.utc).timestamp()
    return whole + float("0." + (fraction or "0"))


class Lab:
    def __init__(self, folder, programs):
        self.parent, self.folder = folder, folder / "lab"
        self.programs, self.infra = programs, folder / "lab.yaml"

    def run(self, *arguments, check=True):
        command = [self.programs / "examples/lab", "--dir", self.folder, *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True)

    def up(self, pause):
        begun = time.monotonic()
        self.run("up", "--infra", self.infra, "--client-pause", str(pause))
        self.up_in = time.monotonic() - begun
        self.settings = json.loads((self.folder / "lab.json").read_text())

    def sql(self, address, text, database="app"):
        psql = pathlib.Path(self.settings["programs"]["postgres"]) / "psql"
        port = str(self.settings["ports"]["postgres"])
        env = {**os.environ, "PGPASSWORD": self.settings["admin_password"]}
        command = [psql, "-XAtq", "-h", address, "-p", port, "-U", "muster", "-d", database, "-c", text]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()

    def dig(self, port, name, kind):
        command = ["kdig", "@127.0.0.1", "-p", str(self.settings["ports"][port]), "+short", "+norec", name, kind]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")

    def attempts(self):
        lines = (self.folder / "clients.jsonl").read_text().splitlines()
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                pass  # the last line may be half written
        return found

    def refs(self, region):
        path = self.folder / region / "repositories/clients.git"
        out = subprocess.run(["git", "-C", path, "for-each-ref", "--format=%(refname)", "refs/pushes"],
                             check=True, capture_output=True, text=True).stdout
        return {int(line.rsplit("/", 1)[1]) for line in out.split()}

    def processes(self):
        """The lab's processes by what they run, without PostgreSQL's sessions and the clients' git."""
        mark, found = f"MUSTER_LAB={self.folder}".encode(), []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            name = os.path.basename(argv[0].decode())
            if name == "lab":
                name = " ".join(word.decode() for word in argv[3:] if word)
            if not name.startswith(("git", "postgres:", "sh", "clients.git")) and name:
                found.append(name)
        return sorted(found)

    def state(self):
        """Everything that a drill may leave behind, as the servers themselves say it."""
        state = {"processes": self.processes()}
        for region, address in (("primary", PRIMARY), ("secondary", SECONDARY)):
            books = self.folder / region / "repositories/.muster"
            state[region] = {
                "standby": self.sql(address, "SELECT pg_is_in_recovery()"),
                "schemas": self.sql(address, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'muster%'"),
                # Marks, and what was noted at a fence; and whom it would follow, by which slot.
                "maintenance": self.sql(address, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'muster%'", "postgres"),
                "slots": self.sql(address, "SELECT slot_name FROM pg_replication_slots"),
                "sessions": self.sql(address, "SELECT application_name FROM pg_stat_activity WHERE application_name "
                                     "LIKE 'muster%' AND backend_type = 'client backend'"),
                "read only": self.sql(address, "SHOW default_transaction_read_only"),
                "rules": (self.folder / region / "pg_hba.conf").read_text(),
                "role": (books / "role").read_text().strip(), "fence": (books / "fence").exists(),
                "books": sorted(p.name for p in books.iterdir() if p.name not in ("preserved", "under-way")),
                "repositories": repositories(books.parent),
                "files": sorted(p.name for p in (self.folder / region).iterdir() if p.name != "preserved"
                                and not p.name.endswith(".port")),
                "cut off from": self.run("region", region, "status").stdout.strip(),
            }
        for server in ("names", "second_names"):
            state[server] = [self.dig(server, f"{name}.lab.test", kind)
                             for name, kind in (("code", "A"), ("git", "A"), ("_muster.code", "TXT"), ("_muster.git", "TXT"))]
        archives = {region: {p.name for p in (self.folder / region / "archive").iterdir() if p.name[0] != "."}
                    for region in ("primary", "secondary")}
        state["archived on one side alone"] = sorted(archives["primary"] ^ archives["secondary"])
        state["scratch"] = sorted(p.name for p in (self.folder / "restore").iterdir())
        state["temporary"] = sorted(p.name for p in pathlib.Path(tempfile.gettempdir()).glob("muster-git-*")
                                    if not pathlib.Path(f"/proc/{p.name.split('-')[2]}").exists())
        return state


def truth(attempts, what, begin, end):
    """How long attempts failed in this stretch, at the least and at the most, in seconds; 0, 0 if none did.

    The clients look now and then too, so what they know is an interval as well, with about two of their pauses and an
    answer's time in it: the truth lies in both intervals, or one of the two is wrong.
    """
    mine = [one for one in attempts if one["what"] == what and begin <= seconds(one["sent"]) < end]
    bad = [n for n, one in enumerate(mine) if not one["ok"]]
    if not bad:
        return 0.0, 0.0
    first, last = bad[0], bad[-1]
    least = seconds(mine[last]["sent"]) - seconds(mine[first]["sent"])
    before = seconds(mine[first - 1]["sent"]) if first else begin
    after = seconds(mine[last + 1]["answered"]) if last + 1 < len(mine) else end
    return least, after - before


def told(record, service, leg):
    """A leg's recovery time of a service as the report says it: lower and upper end in seconds, and whether one was seen."""
    legs = next(one for one in record["services"] if one["id"] == service)["legs"]
    rta = next(one for one in legs if one["leg"] == leg)["rta"]
    if rta["kind"] == "between":
        return rta["lower"] / 1e9, rta["upper"] / 1e9
    if rta["kind"] == "none_seen":
        return 0.0, rta["resolution"] / 1e9
    raise SystemExit(f"{service}, {leg}: {rta}")


def one_drill(lab, programs, mode, within):
    """Runs a drill; what is wrong, and a line for each service and leg. Counts into `within`, by service, the intervals that
    have all of the clients' in them."""
    wrong, lines = [], []
    begin = time.time()
    playbook = HERE / "playbooks/quarterly-failover.yaml"
    command = [programs / "muster", "run", playbook, "--infra", lab.infra, "--execute", "--yes", "--mode", mode, "-q"]
    ran = subprocess.run(command, cwd=lab.parent, capture_output=True, text=True)
    folder = max(p for p in (lab.parent / "reports").iterdir() if (p / "journal.jsonl").exists())
    if ran.returncode != 0:
        return [f"exit {ran.returncode}: {ran.stdout}{ran.stderr}"], lines, folder
    record = json.loads((folder / "report.json").read_text())["record"]
    started = seconds(record["header"]["started_at"])
    back = started + next(leg for leg in record["legs"] if leg["leg"] == "return")["started"] / 1e9
    attempts = lab.attempts()
    for service, (what, every) in SERVICES.items():
        for leg, start, end in (("failover", begin, back), ("return", back, time.time())):
            least, most = truth(attempts, what, start, end)
            lower, upper = told(record, service, leg)
            width, most_wide = upper - lower, 2 * every + SLACK
            lines.append(f"  {service:<5} {leg:<9} told {lower:7.3f} to {upper:7.3f} s ({width:5.3f} wide), "
                         f"clients {least:7.3f} to {most:7.3f} s")
            within[service] = within.get(service, 0) + (lower <= least and most <= upper)
            if not (lower <= most and least <= upper):
                wrong.append(f"{service}, {leg}: told {lower:.3f} to {upper:.3f} s, clients saw {least:.3f} to {most:.3f} s")
            if width > most_wide:
                wrong.append(f"{service}, {leg}: {width:.3f} s wide, {most_wide:.3f} allowed")
    # What is lost: acknowledged to clients, and not there afterwards.
    acknowledged = lambda what: {one["n"] for one in attempts if one["what"] == what and one["ok"]}
    rows = {int(n) for n in lab.sql(PRIMARY, "SELECT n FROM items WHERE client = 'clients'").split()}
    lost = {"rows": len(acknowledged("write") - rows - lab.gone["rows"]),
            "pushes": len(acknowledged("push") - lab.refs("primary") - lab.gone["pushes"])}
    lab.gone["rows"] |= acknowledged("write") - rows
    lab.gone["pushes"] |= acknowledged("push") - lab.refs("primary")
    kept = {}
    for line in (folder / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)["event"]
        if event["kind"] == "step_passed" and event["step"] == "keep-lost":
            for key, value in event["pass"]["evidence"].items():
                if found := re.match(r"(main|repositories): [\w ]+ that exist only there", key):
                    kept[found.group(1)] = value
    canaries = {one["id"]: sum(leg["lost"] for leg in one["legs"]) for one in record["canaries"]}
    lines.append(f"  lost: clients {lost['rows']} rows, {lost['pushes']} pushes; canaries {canaries}; kept {kept}")
    for canary, of in (("main", "rows"), ("repositories", "pushes")):
        if mode == "planned" and (canaries[canary] or lost[of]):
            wrong.append(f"planned, and {lost[of]} {of} are lost, {canaries[canary]} of the canary")
        # Kept was exactly what the clients and the canary lost, and of each at most one more that was under way: it was
        # taken, and nobody was told so before the server died.
        if canary in kept and not 0 <= int(kept[canary]) - lost[of] - canaries[canary] <= 2:
            wrong.append(f"clients lost {lost[of]} {of}, the canary {canaries[canary]}, and {kept[canary]} were kept")
        if mode == "unplanned" and canary not in kept:
            wrong.append(f"how many {of} were kept is not told")
    return wrong, lines, folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drills", type=int, default=20)
    parser.add_argument("--programs", type=pathlib.Path, default=HERE / "target/release", help="where cargo put them")
    parser.add_argument("--client-pause", type=int, default=50, help="between two writes of the clients, in milliseconds")
    options = parser.parse_args()
    failures, within = 0, {}
    with tempfile.TemporaryDirectory(prefix="muster-lab-bench-") as folder:
        os.chmod(folder, 0o755)
        lab = Lab(pathlib.Path(folder), options.programs.resolve())
        lab.gone = {"rows": set(), "pushes": set()}
        lab.up(options.client_pause)
        try:
            print(f"up in {lab.up_in:.1f} s", flush=True)
            if lab.up_in > UP_MOST:
                failures += 1
                print("! at most", UP_MOST, "s allowed")
            before = lab.state()
            for number in range(options.drills):
                mode = ("planned", "unplanned")[number % 2]
                wrong, lines, _ = one_drill(lab, options.programs.resolve(), mode, within)
                after = lab.state()
                for _ in range(100):  # the second name server and the copies hear of the end a moment later
                    if after == before:
                        break
                    time.sleep(0.1)
                    after = lab.state()
                for key in before:
                    if after[key] != before[key]:
                        wrong.append(f"left otherwise: {key}: {after[key]} instead of {before[key]}")
                failures += bool(wrong)
                print(f"{number + 1:>2} {mode:<9} {'WRONG' if wrong else 'right'}", *lines, sep="\n", flush=True)
                for what in wrong:
                    print("  !", what, flush=True)
        finally:
            lab.run("down", check=False)
        if left := lab.processes():
            failures += 1
            print("! processes are left:", left)
    told = ", ".join(f"{service} {count}" for service, count in within.items())
    print(f"of {2 * options.drills} intervals each, so many have all of the clients' in them: {told}; the others overlap it")
    print(f"{options.drills - failures} of {options.drills} drills right; load of the machine {os.getloadavg()}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
