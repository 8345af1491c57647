"""A process that tells the test it exists and then stays: `python knocker.py <door> <how>`.

It imports the standard library only, so that it starts fast without any search path.
"""

import os
import signal
import socket
import sys


def knock(door: str) -> None:
    """Tells whoever listens at `door` this process's id and its parent's."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(door)
        connection.sendall(f"{os.getpid()} {os.getppid()}".encode())


def escape() -> None:
    """Leaves parents, session and group behind, as a daemon does, and ignores SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


if __name__ == "__main__":
    if sys.argv[2] == "escaped":
        escape()
    knock(sys.argv[1])
    while True:
        signal.pause()
