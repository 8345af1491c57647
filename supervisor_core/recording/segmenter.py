"""Cuts a running transport stream into files at key frames, without touching a picture.

Every packet goes into exactly one file. A file begins with the stream's tables and a key frame.
Sound that began before a cut ends in the file it began in, so each file decodes by itself, and all
of them one after the other (but for the repeated tables) are the stream as it came.

A new source may bring again what is recorded already: as long as its key frames are known, nothing
is written, and the first file begins with the last of them before something new.
"""

from collections.abc import Iterator

from supervisor_core.recording.clock import Clock, Jump
from supervisor_core.recording.known import KnownKeys
from supervisor_core.recording.packets import (
    PacketFinder,
    Tables,
    is_key,
    payload_of,
    pid_of,
    starts_unit,
    time_of,
)
from supervisor_core.recording.pieces import Held, Limits, Place, Tail
from supervisor_core.recording.segment_file import Closed, Ending, Folder, SegmentFile

_ROUNDING_S = 1e-6


class Segmenter:
    """Takes the bytes of a stream in the order they come; `closed` and `jumps` are for the taking.

    `skipped_bytes` were no packets or came before the first key frame, `again_bytes` were recorded
    already, `written_bytes` are on the disk. Raises OSError when the disk is full or broken.
    """

    def __init__(self, folder: Folder, limits: Limits) -> None:
        self.clock = Clock()
        self.closed: list[Closed] = []
        self.jumps: list[Jump] = []
        self.again_bytes = self.skipped_bytes = self.written_bytes = 0
        self.last_key: Place | None = None
        self._folder, self._limits = folder, limits
        self._finder, self._tables, self._keys = PacketFinder(), Tables(), KnownKeys()
        self._file: SegmentFile | None = None
        self._tail: Tail | None = None
        self._held: Held | None = None
        self._began_s = 0.0
        self._asked: Ending | None = None

    @property
    def number(self) -> int | None:
        """That of the segment being written."""
        return self._folder.number if self._file else None

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes and hands them to the system, which a kill does not take back."""
        self._take_all(self._finder.feed(chunk))

    def cut_soon(self) -> None:
        """Has the next key frame begin a new segment."""
        self._asked = Ending.ASKED

    def sync(self) -> None:
        """Makes the open segment survive a power cut up to here."""
        for file in self._files():
            file.sync()

    def end(self, ending: Ending) -> None:
        """Closes what is open, because this source has ended; another one may follow."""
        self._take_all(self._finder.flush())
        self.skipped_bytes += self._finder.skipped_bytes
        if self._held and not (self._keys.end() or self._held.known):
            self._open(self._held)
        self._keys.forget_open()
        self._end_tail()
        if self._file:
            self.closed.append(self._file.close(ending))
        self._file = self._held = self._asked = None
        self._finder, self._tables = PacketFinder(), Tables()

    def abandon(self) -> None:
        """Leaves everything as it lies, for `salvage`: the disk takes no more."""
        for file in self._files():
            file.abandon()

    def _files(self) -> Iterator[SegmentFile]:
        if self._tail:
            yield self._tail.file
        if self._file:
            yield self._file

    def _take_all(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._take(packet, pid_of(packet))
        for file in self._files():
            self.written_bytes += file.write()

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
        known = self._keys.end()
        if self._held and known is not None:
            self._held.decide(known=known)
        key = is_key(packet, payload, self._tables.types[pid_of(packet)])
        self._begin_unit(time_of(payload), key=key)
        if key:
            self._keys.begin(payload)

    def _begin_unit(self, stamp: int | None, *, key: bool) -> None:
        if self._file is None:
            self._wait_for_new(stamp, key=key)
        if self._file is None:
            return
        self._tick(stamp)
        if ending := self._due(self._file, key=key):
            self._rotate(self._file, ending)
        if key:
            self.last_key = self._place(self._file)

    def _wait_for_new(self, stamp: int | None, *, key: bool) -> None:
        """Begins the first file of a source once what it brings is not recorded already."""
        held = self._held
        if held and self._is_new(held, stamp, key=key):
            self._open(held)
        elif held and key and not held.known:
            held.mark_key()
        elif key:
            self.again_bytes += held.size_bytes if held else 0
            self._held = Held(older=stamp is not None and self.clock.is_before(stamp))

    def _is_new(self, held: Held, stamp: int | None, *, key: bool) -> bool:
        if held.known:
            return not key and stamp is not None and self.clock.is_new(stamp)
        return not held.older or (stamp is not None and self.clock.is_later(stamp))

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
        file = self._begin_file()
        self.last_key = self._place(file)
        for packet in held.packets:
            if pid_of(packet) == self._tables.leading and starts_unit(packet):
                stamp = time_of(payload_of(packet))
                later = stamp is not None and self.clock.is_later(stamp)
                self._tick(stamp if later or not held.known else None)
            file.add(packet)
        self._asked = None

    def _tick(self, stamp: int | None) -> None:
        jump = None if stamp is None else self.clock.take(stamp)
        if jump:
            self.jumps.append(jump)
        if self._tables.changed or (jump and jump.missing_s is None):
            self._asked = Ending.DISCONTINUITY

    def _due(self, file: SegmentFile, *, key: bool) -> Ending | None:
        """Why the file has to end before this unit; without key frames only its size counts."""
        if not key:
            return Ending.SIZE if file.size_bytes >= 2 * self._limits.size_bytes else None
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
        self._begin_file()

    def _begin_file(self) -> SegmentFile:
        self._file = self._folder.next_file()
        self._file.add(self._tables.head)
        self._began_s = self.clock.elapsed_s
        self._tables.changed = False
        return self._file

    def _place(self, file: SegmentFile) -> Place:
        return Place(file.final, file.size_bytes, len(self._tables.head))

    def _end_tail(self) -> None:
        if self._tail:
            self.closed.append(self._tail.file.close(self._tail.ending))
        self._tail = None
