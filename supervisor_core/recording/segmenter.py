"""Cuts a running transport stream into files at key frames, without touching a picture.

Every packet goes into exactly one file. A file begins with the stream's tables and a key frame.
Sound that began before a cut ends in the file it began in, so each file decodes by itself, and all
of them one after the other (but for the repeated tables) are the stream as it came.

A new source may bring again what is recorded already: as long as its key frames are known, nothing
is written, and the first file begins with the last of them before something new. If that is the
group in which the last source broke off, the file before it ends where this one begins.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from supervisor_core.recording.clock import Clock, Jump
from supervisor_core.recording.known import KnownKeys
from supervisor_core.recording.packets import (
    PACKET_BYTES,
    PacketFinder,
    Tables,
    is_key,
    is_plain,
    payload_of,
    pid_of,
    split,
    starts_unit,
    time_of,
)
from supervisor_core.recording.pieces import REACH_S, Broken, Group, Held, Limits, Place, Tail
from supervisor_core.recording.recall import Recalled
from supervisor_core.recording.segment_file import BREAKS, Closed, Ending, Folder, SegmentFile

_ROUNDING_S = 1e-6
_KEYS = 1000  # more than between two looks at them


class Segmenter:
    """Takes the bytes of a stream in the order they come.

    For the taking are the files that were `closed`, the `keys` that were written, the `jumps` of
    the stream's clock, and what a source that has `resumed` the stream says of the break before it.
    `skipped_bytes` were no packets or came before the first key frame, `again_bytes` were recorded
    already, `written_bytes` are on the disk. Raises OSError when the disk is full or broken.
    """

    def __init__(self, folder: Folder, limits: Limits) -> None:
        self.clock = Clock()
        self.closed: list[Closed] = []
        self.jumps: list[Jump] = []
        self.resumed: Jump | None = None
        self.again_bytes = self.skipped_bytes = self.written_bytes = 0
        self.keys: deque[Place] = deque(maxlen=_KEYS)
        self._last_key: Place | None = None
        self._folder, self._limits = folder, limits
        self._finder, self._tables, self._keys = PacketFinder(), Tables(), KnownKeys()
        self._file: SegmentFile | None = None
        self._tail: Tail | None = None
        self._held: Held | None = None
        self._broken: Broken | None = None
        self._unit_stamp: int | None = None
        self._key_stamp: int | None = None
        self._cut_bytes = 0
        self._resuming = self._finishing = False
        self._recalled_s = 0.0
        self._began_s = 0.0
        self._asked: Ending | None = None

    @property
    def number(self) -> int | None:
        """That of the segment being written."""
        return self._folder.number if self._file else None

    @property
    def held_bytes(self) -> int:
        """What came and may still have to be written."""
        return self._held.size_bytes if self._held else 0

    @property
    def finished(self) -> bool:
        """True when all that came before the end asked for by `finish` is in its file."""
        return self._finishing and not self._file and not self._tail

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes and hands them to the system, which a kill does not take back."""
        self._take_all(self._finder.feed(chunk))

    def cut_soon(self) -> None:
        """Has the next key frame begin a new segment."""
        self._asked = Ending.ASKED

    def finish(self) -> None:
        """Has the next key frame end it all, so that whoever goes on can begin with that."""
        self._finishing = True

    def sync(self) -> None:
        """Makes the open segment survive a power cut up to here."""
        for file in self._files():
            file.sync()

    def end(self, ending: Ending) -> None:
        """Ends this source; another one may follow.

        A file is closed with it. If its source broke off, that waits for the next one, which may
        bring the last group again, or for `settle`.
        """
        self._take_all(self._finder.flush())
        self.skipped_bytes += self._finder.skipped_bytes
        digest = self._keys.last
        if self._held:
            self._end_unit()
            if self._held.more or self._is_lost(self._held, ending):
                self._open(self._held)
        self._end_tail()
        if self._file:
            self._cut_bytes = self._keys.unit_bytes
            self._broken = Broken(self._file, ending, self._last_group(digest))
        self._keys.forget_open()
        self._file = self._held = self._asked = None
        self._finder, self._tables = PacketFinder(), Tables()
        if ending not in BREAKS:
            self.settle()

    def go_on(self, recalled: Recalled) -> None:
        """Goes on with what an earlier recorder has left."""
        self.clock, self._keys, self._broken = recalled.clock, recalled.keys, recalled.broken
        self._cut_bytes, self._recalled_s = recalled.keys.unit_bytes, recalled.length_s

    def settle(self, longer_than_s: float = 0.0) -> None:
        """Closes the file whose source broke off, and so long ago."""
        if self._broken and time.monotonic() - self._broken.since_s >= longer_than_s:
            self.closed.append(self._broken.file.close(self._broken.ending))
            self._broken = None

    def abandon(self) -> None:
        """Leaves everything as it lies, for `recall`: the disk takes no more."""
        for file in self._files():
            file.abandon()

    def rescue(self, ending: Ending) -> None:
        """Closes what is on the disk, which took no more, and drops what is not."""
        for file in list(self._files()):
            file.abandon()
            if whole := SegmentFile.reopen(file.part):
                self.closed.append(whole.close(ending))
        self._tail = self._broken = self._file = self._held = None

    def _files(self) -> Iterator[SegmentFile]:
        if self._tail:
            yield self._tail.file
        if self._broken:
            yield self._broken.file
        if self._file:
            yield self._file

    def _take_all(self, runs: list[bytes]) -> None:
        for run in runs:
            for piece in split(run):
                self._take_run(piece)
        for file in self._files():
            self.written_bytes += file.write()

    def _take_run(self, run: bytes) -> None:
        """Takes what goes on with one unit in one go, where it is sure to belong to the file."""
        file, pid = self._file, pid_of(run)
        if file and not self._tail and not self._tables.owns(pid) and is_plain(run):
            if pid == self._tables.leading:
                self._keys.go_on_all(run)
            file.add(run)
            return
        for at in range(0, len(run), PACKET_BYTES):
            packet = run[at : at + PACKET_BYTES]
            self._take(packet, pid_of(packet))

    def _take(self, packet: bytes, pid: int) -> None:
        is_table = self._tables.take(packet, pid)
        if pid == self._tables.leading:
            self._follow(packet)
        if self._tail and self._tail.wants(packet, pid):
            self._tail.file.add(packet)
        elif self._file:
            self._file.add(packet)
        elif not is_table:
            self._hold(packet)
        if self._tail and not self._tail.pids:
            self._end_tail()

    def _follow(self, packet: bytes) -> None:
        """Reads the stream that is cut by, and cuts or begins before this packet if it is time."""
        payload = payload_of(packet)
        if not starts_unit(packet):
            self._keys.go_on(payload)
            return
        self._end_unit()
        self._unit_stamp = time_of(payload)
        key = is_key(packet, payload, self._tables.types[pid_of(packet)])
        self._begin_unit(self._unit_stamp, key=key)
        self._keys.begin(payload, key=key)

    def _end_unit(self) -> None:
        """The present unit is complete: now it is clear whether it was recorded already."""
        known, held, stamp = self._keys.end(), self._held, self._unit_stamp
        if held and known is not None:
            held.decide(self._keys.last, known=known)
        if held and stamp is not None and self.clock.is_now(stamp):
            held.more = held.known and self._keys.unit_bytes > self._cut_bytes

    def _begin_unit(self, stamp: int | None, *, key: bool) -> None:
        if self._file is None and not self._finishing:
            self._wait_for_new(stamp, key=key)
        if self._file is None:
            return
        self._tick(stamp)
        if ending := self._due(self._file, key=key):
            self._rotate(self._file, ending)
        if key and self._file:
            self._mark(self._file, stamp)

    def _wait_for_new(self, stamp: int | None, *, key: bool) -> None:
        """Begins the first file of a source once what it brings is not recorded already."""
        held = self._held
        if held and self._is_new(held, stamp, key=key):
            self._open(held)
            return
        if key and (held is None or held.known):
            self.again_bytes += held.size_bytes if held else 0
            held = Held(stamp, older=stamp is not None and self.clock.is_before(stamp))
        self._held = held
        if held:
            held.mark(stamp, key=key)

    def _is_new(self, held: Held, stamp: int | None, *, key: bool) -> bool:
        later = stamp is not None and self.clock.is_later(stamp)
        if held.known:
            return held.more or (later and not key)
        return later or not held.older

    def _is_lost(self, held: Held, ending: Ending) -> bool:
        """True when what is held at a source's end will not come again."""
        if held.known or ending not in BREAKS:
            return not held.known
        covered = self._recalled_s + self.clock.elapsed_s > REACH_S
        return not held.older or (covered and held.digest is not None)

    def _hold(self, packet: bytes) -> None:
        if self._held is None:
            self.skipped_bytes += len(packet)
            return
        self._held.add(packet)
        if self._held.full:
            self._open(self._held)

    def _open(self, held: Held) -> None:
        """Begins the first segment of a source with the packets that were held back."""
        self._held = None
        self._drop_again(held)
        file, self._resuming = self._begin_file(), True
        for packet in held.packets:
            if pid_of(packet) == self._tables.leading and starts_unit(packet):
                self._begin_held(file, packet, known=held.known)
            file.add(packet)
        self._asked = None

    def _begin_held(self, file: SegmentFile, packet: bytes, *, known: bool) -> None:
        payload = payload_of(packet)
        stamp = time_of(payload)
        if is_key(packet, payload, self._tables.types[pid_of(packet)]):
            self._mark(file, stamp)
        if not known or (stamp is not None and self.clock.is_later(stamp)):
            self._tick(stamp)

    def _drop_again(self, held: Held) -> None:
        """What is held may begin with the group in which the last source broke off."""
        broken = self._broken
        if broken and broken.group and broken.group.begins(held):
            if broken.empty:
                self._folder.drop(broken.file)
                self._broken = None
                return
            broken.trim(broken.group)
        self.settle()

    def _tick(self, stamp: int | None) -> None:
        if stamp is None:
            return
        if self._resuming:
            jump: Jump | None = self.clock.resume(stamp)
            self.resumed, self._resuming = jump, False
        elif jump := self.clock.take(stamp):
            self.jumps.append(jump)
        if self._tables.changed or (jump and jump.missing_s is None):
            self._asked = Ending.DISCONTINUITY

    def _due(self, file: SegmentFile, *, key: bool) -> Ending | None:
        """Why the file has to end before this unit; without key frames only its size counts."""
        if not key:
            return Ending.SIZE if file.size_bytes >= 2 * self._limits.size_bytes else None
        if self._finishing:
            return Ending.DURATION
        if self._asked:
            return self._asked
        if file.size_bytes >= self._limits.size_bytes:
            return Ending.SIZE
        age_s = self.clock.elapsed_s - self._began_s
        return Ending.AGE if age_s >= self._limits.length_s - _ROUNDING_S else None

    def _rotate(self, file: SegmentFile, ending: Ending) -> None:
        self._end_tail()
        others = set(self._tables.types) - {self._tables.leading}
        self._tail, self._asked = Tail(file, ending, others), None
        self._file = None
        if not self._finishing:
            self._begin_file()

    def _begin_file(self) -> SegmentFile:
        self._file = self._folder.next_file()
        self._file.add(self._tables.head)
        self._began_s = self.clock.elapsed_s
        self._tables.changed = False
        return self._file

    def _mark(self, file: SegmentFile, stamp: int | None) -> None:
        """A key frame begins at the end of the file."""
        at, before = file.size_bytes, self._last_key
        if self.keys and before and before.path == file.final:
            self.keys[-1] = replace(before, size_bytes=at - before.offset)
        elapsed_s = self.clock.elapsed_s
        self._last_key = Place(file.final, at, len(self._tables.head), elapsed_s)
        self._key_stamp = stamp
        self.keys.append(self._last_key)

    def _last_group(self, digest: bytes | None) -> Group | None:
        place = self._last_key
        if place is None or self._file is None or place.path != self._file.final:
            return None
        return Group(place, self._key_stamp, digest, self._tables.leading)

    def _end_tail(self) -> None:
        if self._tail:
            self.closed.append(self._tail.file.close(self._tail.ending))
        self._tail = None
