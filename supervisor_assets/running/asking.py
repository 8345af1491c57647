"""What the other parts want to know of the code server: whether it answers."""

import time
from pathlib import Path

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

LONGEST_S = 60.0
_ANSWER_S = 5
_POLL_S = 0.1


def answers(socket: str) -> bool:
    """True when the code server on this socket answers."""
    try:
        DagsterGrpcClient(socket=socket).get_server_id(timeout=_ANSWER_S)
    except DagsterUserCodeUnreachableError:
        return False
    return True


def wait_for(socket: str, limit_s: float = LONGEST_S) -> None:
    """Returns when the code server answers, or goes on without it when that takes too long."""
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s:
        if Path(socket).exists() and answers(socket):
            return
        time.sleep(_POLL_S)
