"""Generated schedules and past runs: 10,000 playbooks, 20,000 runs."""

import hashlib
import json
import pathlib
from datetime import datetime, timedelta

INFRASTRUCTURE = """\
muster: 1
name: small
environment: simulated
regions: { primary: { name: east }, secondary: { name: west } }
resources: { www: { dns: { provider: simulated, name: www.example.test, ttl: 60s } } }
"""

PLAYBOOK = """\
muster: 1
name: drill-%05d
title: Drill %d
owner: team-%d
infrastructure: infra.yaml
schedule: { every: quarter, on: "%s tuesday of the second month", at: "09:00", timezone: Europe/Amsterdam, from: 2020-01-01 }
objectives: { rto: 15m }
services: { web: { title: Web, depends_on: [www], probe: { http: "https://www.example.test/" } } }
phases:
  - name: prechecks
    steps: [{ id: healthy, check: { services: all, healthy_for: 1m } }]
  - name: failover
    steps:
      - { id: switch, dns.switch: { records: [www], to: secondary } }
      - { id: there, check: { services: all, healthy_for: 1m } }
  - name: failback
    steps:
      - { id: back, dns.switch: { records: [www], to: primary } }
      - { id: home, check: { services: all, healthy_for: 1m } }
"""


def playbooks(folder, count):
    """So many scheduled playbooks in a folder; gives the first one's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "infra.yaml").write_text(INFRASTRUCTURE)
    for number in range(count):
        nth = ("first", "second", "third", "last")[number % 4]
        (folder / f"drill-{number:05}.yaml").write_text(PLAYBOOK % (number, number, number % 50, nth))
    return folder / "drill-00000.yaml"


def runs(reports, count):
    """Makes of the one run in a folder of reports so many, a day and a bit apart, each with a whole chain of its own."""
    journal = next(reports.glob("*/journal.jsonl"))
    name = json.loads(journal.read_text().splitlines()[0])["run"]
    lines = journal.read_text().splitlines()
    began = datetime(2010, 1, 1)
    for number in range(count):
        start = began + timedelta(hours=number * 7)
        run = f"{start:%Y%m%d-%H%M%S}-{name.split('-', 2)[2]}"
        folder = reports / run
        folder.mkdir(exist_ok=True)
        head, out = "0" * 64, []
        for line in lines:
            record = json.loads(line)
            record["run"] = run
            record["at"] = f"{start:%Y-%m-%d}T{record['at'][11:]}"
            record["prev"] = head
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
            head = hashlib.sha256(text.encode()).hexdigest()
            out.append(text)
        (folder / "journal.jsonl").write_text("\n".join(out) + "\n")
    for part in journal.parent.iterdir():
        part.unlink()
    journal.parent.rmdir()
    return pathlib.Path(reports)
