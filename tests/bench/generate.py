#!/usr/bin/env python3
"""Writes a playbook of any size, with infrastructure files beside it.

    tests/bench/generate.py --shape chain --steps 10000 --action noop DIR

makes DIR/drill.yaml, DIR/simulated.yaml (which the drill names: virtual time) and DIR/lab.yaml (real time), and prints
the length of the critical path in seconds. The same arguments give the same bytes.

Shapes:  chain   each step needs the one before it
         wide    all side by side; with --ranks R in R ranks, each step needing three of the rank before
         stages  pairs, one after another, each step needing both of the pair before
Actions: noop    waits for no time at all
         command runs `true`
         sleep   waits for --sleep
"""

import argparse
import pathlib
import random
import sys

ACTIONS = {
    "noop": lambda sleep: "wait: { for: 0s }",
    "command": lambda sleep: "command: { argv: ['true'] }",
    "sleep": lambda sleep: f"wait: {{ for: {sleep} }}",
}


def chain(steps, _ranks, _chance):
    """Written order alone makes a chain."""
    return [None] * steps


def wide(steps, ranks, chance):
    size = max(1, -(-steps // ranks))
    needs = []
    for step in range(steps):
        before = range(max(0, step // size * size - size), step // size * size)
        needs.append(sorted(chance.sample(before, min(3, len(before)))))
    return needs


def stages(steps, _ranks, _chance):
    return [[step // 2 * 2 - 2, step // 2 * 2 - 1] if step > 1 else [] for step in range(steps)]


SHAPES = {"chain": chain, "wide": wide, "stages": stages}


def depth(needs):
    """How many steps follow one another on the longest path."""
    longest = []
    for step, before in enumerate(needs):
        before = [step - 1] if before is None and step else before or []
        longest.append(1 + max((longest[other] for other in before), default=0))
    return max(longest, default=0)


def playbook(needs, action):
    lines = [
        "muster: 1",
        "name: generated",
        f"title: A generated drill of {len(needs)} steps",
        "owner: benchmarks",
        "infrastructure: simulated.yaml",
        "mode: planned",
        "phases:",
        "  - name: failover",
        "    steps:",
    ]
    for step, before in enumerate(needs):
        said = "" if before is None else f"needs: [{', '.join(f's{other}' for other in before)}], "
        lines.append(f"      - {{ id: s{step}, {said}{action} }}")
    return "\n".join(lines) + "\n"


def infrastructure(environment):
    return (
        "muster: 1\n"
        f"name: {environment}\n"
        f"environment: {environment}\n"
        "regions: { primary: { name: us-east-1 }, secondary: { name: us-west-2 } }\n"
        "resources: {}\n"
    )


def seconds(span):
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if span.endswith(unit) and span[: -len(unit)].isdigit():
            return int(span[: -len(unit)]) * factor
    raise argparse.ArgumentTypeError(f"{span}: a whole number and ms, s or m")


def generate(folder, shape, steps, action, ranks=1, sleep="1s"):
    """Writes the three files; returns the critical path in seconds, as far as it consists of waiting."""
    needs = SHAPES[shape](steps, ranks, random.Random(2026))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drill.yaml").write_text(playbook(needs, ACTIONS[action](sleep)))
    for environment in ("simulated", "lab"):
        (folder / f"{environment}.yaml").write_text(infrastructure(environment))
    return depth(needs) * seconds(sleep) if action == "sleep" else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="chain")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--action", choices=ACTIONS, default="noop")
    parser.add_argument("--ranks", type=int, default=1, help="of a wide graph")
    parser.add_argument("--sleep", default="1s", help="how long a sleeping step waits, such as 250ms")
    parser.add_argument("folder", metavar="DIR")
    given = parser.parse_args()
    if given.steps < 1 or given.ranks < 1:
        parser.error("at least one step and one rank")
    try:
        seconds(given.sleep)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    print(generate(given.folder, given.shape, given.steps, given.action, given.ranks, given.sleep))


if __name__ == "__main__":
    sys.exit(main())
