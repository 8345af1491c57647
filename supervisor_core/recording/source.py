"""The caller's side of a source: a child process whose stream and messages one reader drains.

It has a session of its own, is killed as a group and reaped, and dies with the thread that started
it. A process that is gone already is an outcome like any other: ending it twice does nothing.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from supervisor_core.guardian import python_command
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.guard import Outcome
from supervisor_core.recording.source_log import SourceLog
from supervisor_core.wire import wait

_PIPE_BYTES = 2**20
_CHUNK_BYTES = 2**18
_END_S = 5.0  # for a process to go once its stream is closed, or once it is killed
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV")

_CODES = frozenset(Outcome)


@dataclass(frozen=True)
class Opening:
    """What a source is to open: see `address_of`; `hosts` may be private, times in seconds.

    One of the `proxies` (see `is_proxy`) is used at a time; `quality` is a name that streamlink
    gives a variant, and `plugins` a folder of plugins beside those that it knows.
    """

    address: str
    hosts: frozenset[str] = frozenset()
    proxies: tuple[str, ...] = ()
    quality: str = "best"
    plugins: Path | None = None
    connect_s: float = 10.0
    silence_s: float = 120.0


def address_of(url: str) -> str | None:
    """What an operator's URL means here, or none: `hls://http...`, `httpstream://http...`.

    `web://http...` is what a plugin of streamlink's knows, and one long transfer where none does.
    """
    kind, inner = "", url
    for prefix in ("hls://", "httpstream://"):
        if url.lower().startswith(prefix):
            kind, inner = prefix, url[len(prefix) :]
    if not _is_web(inner):
        return None
    guess = "hls://" if urlsplit(inner).path.lower().endswith(".m3u8") else "web://"
    return (kind or guess) + inner


def is_proxy(url: str) -> bool:
    """True for a proxy that can be used, `http://[user:password@]host:port`, or "" for none."""
    return not url or (_is_web(url) and urlsplit(url).path in ("", "/"))


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    whole = not any(char.isspace() for char in url) and parts.scheme in ("http", "https")
    return whole and bool(parts.hostname) and port != 0


class Source:
    """One run of a stream; `read` until `over`, then `end` says how it ended.

    `turn` counts the sources of a recording, which take turns at the proxies. With `back_s` it
    begins so many seconds before the end of the playlist, as far as that reaches; `strict`ly it
    ends where a piece of the stream can't be fetched, else it leaves it out. What the stream calls
    itself goes into the file `titles`.
    """

    def __init__(
        self,
        opening: Opening,
        log: SourceLog,
        *,
        turn: int = 0,
        back_s: float | None = None,
        strict: bool = False,
        titles: Path | None = None,
    ) -> None:
        self.over = False
        self._log = log
        self._process = start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self._process.pid
        more = {"back_s": back_s, "strict": strict, "titles": str(titles) if titles else None}
        send(self._process, order_of(opening, turn) | more)
        self._out, self._err = _pipe(self._process.stdout), _pipe(self._process.stderr)
        for pipe in (self._out, self._err):
            os.set_blocking(pipe.fileno(), False)
        with contextlib.suppress(OSError):  # more than the system allows
            fcntl.fcntl(self._out.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def read(self, limit_s: float) -> bytes:
        """The next bytes of the stream; nothing when none come in time or it is over."""
        said, out = self._err.fileno() if not self._err.closed else -1, self._out.fileno()
        ready = wait((out, said), limit_s)
        if said in ready:
            self._listen()
        if out not in ready:
            return b""
        chunk = _read(out)
        self.over = chunk == b""
        return chunk or b""

    def end(self) -> Outcome | None:
        """Ends what is left of the process and reaps it; none when it did not end by itself.

        Raises `Failed(KILL_FAILED)` when it is stuck in the kernel.
        """
        if self.over:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            raise Failed(Reason.KILL_FAILED) from None
        finally:
            self._listen()
            self._out.close()
            self._err.close()
        return Outcome(code) if code in _CODES else None

    def _listen(self) -> None:
        while not self._err.closed and (said := _read(self._err.fileno())) is not None:
            self._log.take(said or b"\n")
            if not said:
                self._err.close()


def order_of(opening: Opening, turn: int = 0) -> dict[str, Any]:
    """What the process that opens a stream has to know."""
    proxies = opening.proxies or ("",)
    return {
        "url": opening.address,
        "hosts": sorted(opening.hosts),
        "proxy": proxies[turn % len(proxies)],
        "quality": opening.quality,
        "plugins": str(opening.plugins) if opening.plugins else None,
        "connect_s": opening.connect_s,
        "silence_s": 2 * opening.silence_s,
    }


def start(stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
    """Starts that process, which waits for its order."""
    try:
        return subprocess.Popen(
            python_command("recording.source_child", ["-P"], os.getpid()),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            bufsize=0,
            start_new_session=True,
            env=_environment(os.environ),
        )
    except OSError as error:
        raise Failed(Reason.CHILD_SPAWN_FAILED, errno=error.errno or 0) from None


def send(process: "subprocess.Popen[bytes]", order: Mapping[str, Any]) -> None:
    """Gives it its order; no address stands in the list of processes."""
    with contextlib.suppress(BrokenPipeError), _pipe(process.stdin) as stdin:
        stdin.write(json.dumps(order).encode() + b"\n")


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The little that a source needs: nothing secret, no proxy."""
    return {name: ours[name] for name in _KEPT if name in ours} | {"PYTHONUNBUFFERED": "1"}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise Failed(Reason.CHILD_SPAWN_FAILED)
    return pipe


def _read(descriptor: int) -> bytes | None:
    """What is there; nothing at the end, none when there is nothing yet."""
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return None
