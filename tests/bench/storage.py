#!/usr/bin/env python3
"""Measures `storage.verify` of many repositories: all references of both sides, and `git fsck` of a sample.

    cargo build --release --locked --bins
    tests/bench/storage.py [--repositories 10000]

Each side has as many bare repositories, each with its own references; nothing of them is shared but the objects, which are
linked. A hundred are behind by a commit, so that there is something to find. Prints the seconds that the step took.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parents[2]
MOST = 60.0
INFRA = """muster: 1
name: many
environment: lab
regions: {{ primary: {{ name: here }}, secondary: {{ name: there }} }}
resources:
  repositories:
    storage:
      provider: git
      regions:
        primary: {{ url: {0}/primary, path: {0}/primary }}
        secondary: {{ url: {0}/secondary, path: {0}/secondary }}
"""
DRILL = """muster: 1
name: many
title: Many repositories
infrastructure: infra.yaml
mode: planned
phases:
  - name: prechecks
    steps:
      - { id: copies, storage.verify: { storage: repositories, in: secondary, behind_at_most: 3650d }, timeout: 30m }
"""


def git(*arguments):
    env = {**os.environ, **{f"GIT_{who}_{what}": "bench@localhost" for who in ("AUTHOR", "COMMITTER")
                            for what in ("NAME", "EMAIL")}}
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, env=env).stdout.strip()


def template(folder):
    """A repository of forty commits on four branches, and its last two commits."""
    path = folder / "template.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", path)
    tree, parent, commits = git("-C", path, "hash-object", "-t", "tree", "-w", "/dev/null"), [], []
    for number in range(40):
        commits.append(git("-C", path, "commit-tree", "-m", f"commit {number}", *parent, tree))
        parent = ["-p", commits[-1]]
    for name, at in (("main", -1), ("one", 10), ("two", 20), ("three", 30)):
        git("-C", path, "update-ref", f"refs/heads/{name}", commits[at])
    git("-C", path, "repack", "-adq")
    shutil.rmtree(path / "hooks", ignore_errors=True)
    return path, commits


def store(folder, path, commits, count, behind, role):
    books = folder / ".muster"
    (books / "hooks").mkdir(parents=True)
    for name, text in (("role", role), ("base", "0"), ("pushes", ""), ("copied", "0")):
        (books / name).write_text(text)
    (books / "hooks/pre-receive").write_text("#!/bin/sh\n")
    (books / "hooks/pre-receive").chmod(0o755)
    config = (path / "config").read_text() + f"\thooksPath = {books}/hooks\n"
    for number in range(count):
        target = folder / f"{number % 100:02}" / f"r{number}.git"
        shutil.copytree(path, target, copy_function=os.link)
        # Not linked: the way through the gate, a reference of its own, and one that is behind in some copies.
        (target / "config").unlink()
        (target / "config").write_text(config)
        ref = target / "refs/heads/main"
        ref.unlink(missing_ok=True)
        ref.write_text((commits[-2] if number < behind else commits[-1]) + "\n")
        (target / "refs/heads/own").write_text(commits[number % len(commits)] + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repositories", type=int, default=10_000)
    parser.add_argument("--muster", type=pathlib.Path, default=HERE / "target/release/muster")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muster-storage-") as folder:
        folder = pathlib.Path(folder)
        path, commits = template(folder)
        begun = time.monotonic()
        store(folder / "primary", path, commits, options.repositories, 0, "primary")
        store(folder / "secondary", path, commits, options.repositories, 100, "replica primary")
        print(f"made in {time.monotonic() - begun:.1f} s", flush=True)
        (folder / "infra.yaml").write_text(INFRA.format(folder))
        (folder / "drill.yaml").write_text(DRILL)
        command = [options.muster.resolve(), "run", "drill.yaml", "--execute", "--yes", "--mode", "planned", "-q"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        runs = [p for p in (folder / "reports").glob("*/journal.jsonl")] if (folder / "reports").exists() else []
        if not runs:
            raise SystemExit(ran.stdout + ran.stderr)
        at = {}
        for line in runs[0].read_text().splitlines():
            event = json.loads(line)
            if event["event"].get("step") == "copies":
                at[event["event"]["kind"]] = event
        if "step_passed" not in at:
            raise SystemExit(ran.stdout + ran.stderr)
        took = (at["step_passed"]["elapsed_ns"] - at["step_started"]["elapsed_ns"]) / 1e9
        seen = at["step_passed"]["event"]["pass"]["evidence"]
        right = seen["repositories"] == str(options.repositories) and seen["behind"] == "100" and seen["damaged"] == "0"
        print(seen)
        print(f"{options.repositories} repositories: {took:.1f} s, at most {MOST:.0f} s for 10,000; "
              f"load of the machine {os.getloadavg()}")
        return 0 if right and took <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
