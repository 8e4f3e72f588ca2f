"""What the terminal display costs a run: the same drill quiet and shown on a pseudo-terminal, turn about."""

import os
import pty
import select
import shutil
import statistics
import subprocess
import threading


def shown(argv):
    """Runs it on a terminal of 120 columns, whose output somebody reads as fast as it comes."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"}
    taken = [0]
    ended = threading.Event()

    def read():
        while not ended.is_set() or select.select([leader], [], [], 0)[0]:
            if select.select([leader], [], [], 0.05)[0]:
                try:
                    taken[0] += len(os.read(leader, 65536))
                except OSError:
                    return

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower, check=False)
    os.close(follower)
    ended.set()
    reader.join()
    os.close(leader)
    return done.returncode, taken[0]


def compare(argv, folder, time_of, turns=7):
    """Median times of a step, quiet and shown, in microseconds; and how much was drawn in bytes."""
    quiet, loud, drawn = [], [], 0
    for _ in range(turns):
        for silent, times in ((True, quiet), (False, loud)):
            shutil.rmtree(folder / "reports", ignore_errors=True)
            command = [*argv, "--quiet"] if silent else argv
            code, bytes_drawn = shown(command)
            if code != 0:
                raise RuntimeError(f"exit {code}")
            drawn = max(drawn, 0 if silent else bytes_drawn)
            times.append(time_of(folder))
    return statistics.median(quiet), statistics.median(loud), drawn
