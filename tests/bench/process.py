"""Runs a program and tells how long it took, how much CPU and how much memory. Python's standard library alone."""

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LONGEST_S = 300


class Failed(Exception):
    """The program did not end as it should; the text is its last words."""


def wall_ms(argv, times=1, fresh=None, exits=0):
    """The median wall time of running it, the start of a process included; the folder `fresh` is emptied each time.

    It must exit with `exits`."""
    taken = []
    for _ in range(times):
        if fresh:
            shutil.rmtree(fresh, ignore_errors=True)
        began = time.perf_counter()
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LONGEST_S)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"did not end within {LONGEST_S} s") from late
        taken.append((time.perf_counter() - began) * 1000)
        if done.returncode != exits:
            raise Failed(f"exit {done.returncode}: {last_words(done.stderr or done.stdout)}")
    return statistics.median(taken)


def usage(argv):
    """The most memory (MiB) and the CPU time (ms) of one run.

    A child that Python starts itself is charged with Python's own memory until it becomes the program. So a shell
    starts it and goes, this process adopts the orphan, and the figures are the program's alone. Only Linux adopts;
    elsewhere the figure is an upper bound that begins at some 10 MiB.
    """
    # The program starts when the shell is gone, or the shell might bury it itself.
    script = 'exec 3<&0; { read -r _; exec "$@" </dev/null >/dev/null 2>"$0"; } <&3 & echo $!'
    if not adopt_orphans():
        began = os.times()
        wall_ms(argv)
        ended = os.times()
        cpu = (ended.children_user + ended.children_system - began.children_user - began.children_system) * 1000
        import resource  # pylint: disable=import-outside-toplevel  # not on every system

        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit, cpu
    with tempfile.NamedTemporaryFile(prefix="muster-bench-") as errors:
        shell = subprocess.Popen(
            ["sh", "-c", script, errors.name, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with shell:
            program = int(shell.stdout.readline())
            shell.wait()
            shell.stdin.write(b"go\n")
        _, status, used = os.wait4(program, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise Failed(f"exit {code}: {last_words(errors.read())}")
    return used.ru_maxrss / 1024, (used.ru_utime + used.ru_stime) * 1000


def adopt_orphans():
    """Asks Linux that this process becomes the parent of its descendants' orphans."""
    if not sys.platform.startswith("linux"):
        return False
    set_child_subreaper = 36  # <linux/prctl.h>
    return ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0) == 0


def last_words(output):
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
