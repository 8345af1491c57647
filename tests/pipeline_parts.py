"""A pipeline whose files say themselves what is to happen to them, to test the order of things.

A file's text may hold lines such as `frame_level = DECODE_FAILED`, `verify roi_mask = hang` or
`import = crash`; without one the step succeeds. Everything else (worker, store, files) is real.
"""

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import all_steps
from store_builders import Clock, settings_for

from supervisor_core.cleaning.job import CleanReport, Finding, Job, VerifyReport
from supervisor_core.home import Home
from supervisor_core.inbox.plan import NewArrival
from supervisor_core.keys import DEFAULT_SOURCE, IntakeKey, fingerprint, intake_key
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import Profile
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.child import Examined, Made, Read
from supervisor_core.pipeline.context import Caller
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, attempts
from supervisor_core.store.arrivals import record_arrivals
from supervisor_core.store.owners import this_process
from supervisor_core.store.progress import Item

REASONS = {reason.value: reason for reason in Reason}


def act(path: Path, step: str) -> None:
    """Does what the file says about a step."""
    for line in path.read_text("utf-8", "replace").splitlines():
        name, _, word = line.partition(" = ")
        if name == step:
            _do(word)


def _do(word: str) -> None:
    if word == "hang":
        threading.Event().wait()
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    raise Failed(REASONS[word])


def examine(path: Path, outside_name: str, profile: Profile) -> Examined:
    if path.is_symlink() or not path.is_file():
        raise Failed(Reason.NOT_A_FILE)
    act(path, "import")
    content = path.read_bytes()
    info = MediaInfo(Container.PNG, "png", 64, 48, size_bytes=len(content), frames=1)
    tags = {"PatientName": content.decode()} if b"dicom" in content else {}
    return Examined(hashlib.sha256(content).hexdigest(), info, tags)


def clean(job: Job) -> Made:
    act(job.source, job.level)
    content = f"{job.level} of ".encode() + job.source.read_bytes()
    job.destination.write_bytes(content)
    where = Finding("Eva Kanarienvogel", 0.0, 0.0, 1, 2, 30, 4)
    read = (Read("patient_name", where.text, where),) if b"name" in content else ()
    report = CleanReport(
        level=job.level,
        output=Container.PNG,
        width=64,
        height=48,
        frames=1,
        frames_inspected=1,
        timeline="t",
        regions=2,
        coverage=0.25,
        copied=False,
        seconds=0.5,
    )
    return Made(report, hashlib.sha256(content).hexdigest(), len(content), read)


def verify(job: Job, report: CleanReport) -> VerifyReport:
    content = job.destination.read_bytes()
    reason = None
    try:
        act(job.source, f"verify {job.level}")
    except Failed as failed:
        if failed.reason not in (Reason.RESIDUAL_TEXT, Reason.FRAMES_MISSING):
            raise
        reason = failed.reason
    return VerifyReport(
        reason=reason,
        frames=report.frames,
        residual_regions=3 if reason else 0,
        frames_match=True,
        stray_metadata=False,
        seconds=0.25,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def draw(source: Path, destination: Path, longest_side: int) -> None:
    act(source, "thumbnail")
    destination.write_bytes(b"small " + source.read_bytes())


def seconds(*_: object) -> float:
    return 20.0


TOOLS = Tools(
    examine=examine,
    clean=clean,
    verify=verify,
    draw=draw,
    clean_limit_s=seconds,
    verify_limit_s=seconds,
    code_version="1",
)


class Inline:
    """Calls in this process: for tests in which nothing hangs or crashes."""

    def call(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Any:
        return function(*args)


@cache
def _furniture() -> dict[str, bytes]:
    """What lies in a home whose two empty databases are made: they and their key."""
    with TemporaryDirectory() as folder:
        settings = settings_for(Path(folder))
        home = settings.open_home()
        with Store(home, settings).restricted():
            pass
        made = [*home.store.iterdir(), home.root / "restricted.key"]
        return {home.relative(path): path.read_bytes() for path in made}


def furnish(home: Home) -> None:
    """Lays the databases into a new home: making them takes longer than most tests do."""
    for name, content in _furniture().items():
        home.absolute(name).write_bytes(content)
        home.absolute(name).chmod(0o600)


@dataclass
class House:
    """A home with its store and a pipeline, and the usual ways to look at them.

    A bare one makes its databases by itself, as the first run in a new home does.
    """

    folder: Path
    worker: Caller = field(default_factory=Inline)
    tools: Tools = TOOLS
    changes: dict[str, object] = field(default_factory=dict)
    owner: str = ""
    clock: Clock = field(default_factory=Clock)
    bare: bool = False

    def __post_init__(self) -> None:
        self.settings: Settings = settings_for(self.folder, **{"reserve_bytes": 0, **self.changes})
        self.home: Home = self.settings.open_home()
        if not self.bare and not any(self.home.store.iterdir()):
            furnish(self.home)
        self.store = Store(self.home, self.settings, self.clock)
        self.owner = self.owner or this_process("test")
        self.progress: list[tuple[int, int]] = []

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(
            self.store,
            self.home,
            self.settings,
            self.worker,
            self.owner,
            lambda done, total: self.progress.append((done, total)),
            self.tools,
        )

    def drop(self, name: str, text: str) -> NewArrival:
        """Puts a file into the inbox and says how it was seen there."""
        path = self.home.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return self.see(name)

    def see(self, name: str) -> NewArrival:
        status = (self.home.inbox / name).lstat()
        size, time = status.st_size, status.st_mtime_ns
        return NewArrival(fingerprint(DEFAULT_SOURCE, name, size, time), name, size, time)

    def record(self, *files: NewArrival, profile: str = "upload") -> IntakeKey:
        key = intake_key(self.clock().timestamp(), [file.fingerprint for file in files])
        record_arrivals(self.store, key, DEFAULT_SOURCE, profile, files, kind="stills")
        return key

    def arrive(self, *texts: str, profile: str = "upload") -> IntakeKey:
        """Files with these texts come in together and are imported."""
        names = [f"{len(list(self.home.root.rglob('*')))}-{n}.png" for n in range(len(texts))]
        files = [self.drop(name, text) for name, text in zip(names, texts, strict=True)]
        key = self.record(*files, profile=profile)
        self.pipeline.import_items(key)
        return key

    def clean(self, key: IntakeKey) -> None:
        """All steps, as a run makes them."""
        all_steps.clean(self.pipeline, key)

    def files(self, folder: str) -> list[str]:
        """What lies in a folder of the home, sorted, by text; a link or pipe by its kind."""
        root = self.home.root / folder
        return sorted(_text(path) for path in root.rglob("*") if not _is_folder(path))

    def everywhere(self) -> list[str]:
        """The texts of all files that came in, wherever they are now."""
        places = ("inbox", "raw", "refused", "aside", "work", "trash")
        return sorted(text for place in places for text in self.files(place))


def item(house: House, key: IntakeKey, index: int = 0) -> Item:
    return house.pipeline.summary(key).items[index]


def tries(house: House, key: IntakeKey) -> list[tuple[str, str | None, str | None, Reason | None]]:
    found = [one.media.media for one in house.pipeline.summary(key).items if one.media]
    with house.store.read() as connection:
        known = attempts.of_media(connection, found)
    return [(one.step, one.level, one.outcome, one.reason) for one in known]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _text(path: Path) -> str:
    if path.is_symlink():
        return "a link"
    return "a pipe" if path.is_fifo() else path.read_text()
