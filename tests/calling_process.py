"""A caller that a test may kill: `python calling_process.py <what> <door> <folder>`."""

import os
import signal
import sys
from pathlib import Path

import hangs
import knocker

from supervisor_core.deadline import Worker


def main() -> None:
    what, door, folder = sys.argv[1:]
    worker = Worker(grace_s=0.2)
    if what == "fork_first":  # the copy keeps this process's end of every socket open
        worker.call(os.getpid, limit_s=30)
        if os.fork() == 0:
            knocker.knock(door)
            signal.pause()
        what = "native"
    worker.call(getattr(hangs, what), door, folder, limit_s=60, scratch=[Path(folder)])
    knocker.knock(door)  # the work came back: nothing is under way now
    sys.stdin.read()  # until the test closes it


if __name__ == "__main__":
    main()
