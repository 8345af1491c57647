"""Joins the segments of a recording into MP4 files that play from end to end, without coding anew.

Everything is read twice: once to see what fits together and when each piece plays, once to copy it.
A gap is closed up: what follows it plays at once, as a chapter of its own. Where the form of
pictures or sound changes, another file begins. Runs inside a worker child.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer

from supervisor_core.child import report_progress
from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.files import PART_SUFFIX, RESERVE_BYTES, publish, require_free
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.chapters import Chapter, Mark, marks
from supervisor_core.recording.clock import TICKS
from supervisor_core.recording.film import Film
from supervisor_core.recording.footage import (
    AnyPacket,
    Footage,
    Form,
    Timer,
    form_of,
    media_packets,
    nearest,
    sound_numbers,
    stamp_of,
)
from supervisor_core.recording.looking import look
from supervisor_core.recording.splicing import Placed, Splicer

_TS = Container.MPEG_TS
_PARTS_MAX = 64  # a stream whose form changes all the time is better left in its segments


@dataclass(frozen=True)
class Joined:
    """One finished file; `segments` are numbers into what was joined, times are seconds in it.

    `starts_s` says where each segment begins. `restored` counts, for each, the pictures at its head
    that can't be decoded in the segment alone, but here, after the one before it; `cut` counts
    those at its end that its source did not complete, which are left out. `pictures` and `sounds`
    (of each track) are packets.
    """

    path: Path
    segments: tuple[int, ...]
    starts_s: tuple[float, ...]
    restored: tuple[int, ...]
    cut: tuple[int, ...]
    chapters: tuple[Mark, ...]
    pictures: int
    sounds: tuple[int, ...]
    length_s: float
    size_bytes: int


def join(
    segments: Sequence[Path],
    into: Path,
    chapters: Sequence[Chapter] = (),
    reserve_bytes: int = RESERVE_BYTES,
) -> list[Joined]:
    """Writes `part_001.mp4` and so on into a folder, and returns them in order.

    A segment of which nothing can be shown is left out. Files of these names are replaced, and only
    when all are complete. The segments are never changed. Raises `Failed`: NOT_JOINABLE when MP4
    can't hold what is in them or their form changes within one, NO_VIDEO_STREAM, DECODE_FAILED when
    one can't be read to its end, DISK_FULL, IO_ERROR, or as `open_container` does.
    """
    way = _Way(2 * sum(path.lstat().st_size for path in segments))
    footages = []
    for path in segments:
        footages.append(look(path, way.go))
        way.leave(footages[-1].size_bytes)
    parts = _parts(footages, way)
    into.mkdir(parents=True, exist_ok=True)
    require_free(into, sum(footage.size_bytes for footage in footages), reserve_bytes)
    with ExitStack() as stack:
        joins = []
        for number, part in enumerate(parts, 1):
            final = into / f"part_{number:03d}.mp4"
            nearby = final.with_name(final.name + PART_SUFFIX)
            stack.callback(nearby.unlink, missing_ok=True)
            joins.append(part.write(nearby, final, chapters))
        for joined in joins:
            publish(joined.path.with_name(joined.path.name + PART_SUFFIX), joined.path)
    return joins


class _Way:
    """How far all of it is, in bytes."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0

    def leave(self, size_bytes: int) -> None:
        """A segment of this size is done."""
        self._done += size_bytes

    def go(self, at: int) -> None:
        """Byte `at` of the present segment is reached."""
        report_progress(self._done + at, self._total)


def _parts(footages: Sequence[Footage], way: _Way) -> list["_Part"]:
    """The files that come of it, in order."""
    parts: list[_Part] = []
    for number, footage in enumerate(footages):
        goes_on = bool(parts and footage.stretches) and parts[-1].takes(footage)
        if not goes_on and not footage.sets:
            continue
        if not goes_on:
            parts.append(_Part(footage, way))
        parts[-1].add(number, footage)
    if not parts:
        raise Failed(Reason.NO_VIDEO_STREAM)
    if len(parts) > _PARTS_MAX:
        raise Failed(Reason.NOT_JOINABLE, parts=len(parts))
    return parts


class _Part:
    """One file, and the segments that go into it."""

    def __init__(self, first: Footage, way: _Way) -> None:
        self.codec, self.sets = first.codec, first.sets
        self._way, self._splicer = way, Splicer()
        self._forms: dict[int, Form] = {}
        self._footages: dict[int, Footage] = {}
        self._placed: dict[int, Placed] = {}

    def takes(self, footage: Footage) -> bool:
        """True when this segment may stand in the same file, after those that are in it."""
        forms = footage.forms.items()
        return (
            footage.codec == self.codec
            and footage.sets <= self.sets
            and all(self._forms.get(number, form) == form for number, form in forms)
            and (footage.fresh or self._splicer.follows(footage))
        )

    def add(self, number: int, footage: Footage) -> None:
        """Puts the next segment into it."""
        self._forms |= footage.forms
        self._footages[number] = footage
        self._placed[number] = self._splicer.place(footage)

    def write(self, nearby: Path, final: Path, chapters: Sequence[Chapter]) -> Joined:
        """Writes it to `nearby`; the result names the path that it is to have in the end."""
        starts = {number: placed.start for number, placed in self._placed.items()}
        marked = marks(chapters, starts, self._splicer.breaks, self._splicer.end)
        film = self._open(nearby)
        try:
            self._copy_all(film)
            film.close(marked, self._splicer.end)
        except BaseException:
            film.abandon()
            raise
        return Joined(
            final,
            tuple(self._footages),
            tuple(start / TICKS for start in starts.values()),
            tuple(self._restored()),
            tuple(int(footage.cut) for footage in self._footages.values()),
            tuple(Mark(start / TICKS, title) for start, title in marked),
            film.pictures,
            tuple(track.packets for track in film.tracks.values()),
            self._splicer.end / TICKS,
            nearby.stat().st_size,
        )

    def _open(self, nearby: Path) -> Film:
        """Begins the file; each track looks like the first of its segments that has it."""
        with ExitStack() as stack:
            sounds: dict[int, AudioStream] = {}
            for footage in self._footages.values():
                missing = footage.forms.keys() - sounds.keys()
                if missing:
                    container = stack.enter_context(open_container(footage.path, _TS))
                    sounds |= {number: container.streams.audio[number] for number in missing}
            first = next(iter(self._footages.values()))
            head = stack.enter_context(open_container(first.path, _TS))
            return Film(nearby, picture_stream(head), dict(sorted(sounds.items())))

    def _restored(self) -> Iterator[int]:
        for number, footage in self._footages.items():
            yield len(footage.head) if self._placed[number].follows else 0

    def _copy_all(self, film: Film) -> None:
        for number, footage in self._footages.items():
            with open_container(footage.path, _TS) as container:
                _Copy(footage, self._placed[number], film).run(container, self._way)
            self._way.leave(footage.size_bytes)


class _Copy:
    """Copies one segment's packets to where they belong."""

    def __init__(self, footage: Footage, placed: Placed, film: Film) -> None:
        self._footage, self._placed, self._film = footage, placed, film
        self._timer, self._pictures = Timer(), 0

    def run(self, container: InputContainer, way: _Way) -> None:
        sounds = sound_numbers(container)
        for packet in media_packets(container, way.go):
            if packet.stream_index not in sounds:
                self._picture(packet)
            elif form_of(packet) is not None:
                self._sound(packet, sounds[packet.stream_index])

    def _picture(self, packet: AnyPacket) -> None:
        picture = self._timer.picture(packet)
        dropped = self._pictures in self._footage.head and not self._placed.follows
        self._pictures += 1
        dropped = dropped or (self._footage.cut and self._pictures == self._footage.pictures)
        if not dropped:
            shift = self._placed.shifts[picture.stretch]
            self._film.picture(packet, picture.dts + shift, picture.pts + shift)

    def _sound(self, packet: AnyPacket, number: int) -> None:
        now = self._timer.clock.now or 0
        stretches, current = self._footage.stretches, self._timer.stretch
        index, ticks = nearest(stretches, current, now, stamp_of(packet))
        self._film.sound(packet, number, ticks + self._placed.shifts[index])
