"""Reads what the page of an item shows.

Words about a picture (captions, tags, prompts, analyses) are read only while its file may be shown:
what was said of a file that is not clean any more may repeat what stands in it.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gallery.detail.timeline import Timeline, gap_timeline, mask_timeline
from gallery.listing import reading
from gallery.listing.reading import Row
from gallery.snapshot import narrow
from supervisor_core.analysis.claimed import claims
from supervisor_core.keys import MediaKey
from supervisor_core.libraries.visit import Exif
from supervisor_core.store import (
    analyses,
    enriched,
    exif,
    fingerprints,
    integrity,
    outputs,
    prompts,
    recordings,
    reviews,
    segments,
    tags,
    variants,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.analyses import Analysis
from supervisor_core.store.database import Connection
from supervisor_core.store.decisions import Decision
from supervisor_core.store.enriched import Enriched
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output
from supervisor_core.store.prompts import Former, StoredPrompt
from supervisor_core.store.rows import fetch
from supervisor_core.store.tags import Rating, Tag
from supervisor_core.store.variants import Variant

_CURRENT = "SELECT DISTINCT profile FROM analysis WHERE media = ? AND current"
_PLACES = """
    SELECT intake, ordinal, state, reason, first_seen FROM arrival WHERE media = ?
    ORDER BY first_seen, intake, ordinal
"""
_LIKE_MOST = 12


@dataclass(frozen=True)
class Claim:
    """One value that a model gives, where it stands in the answer, and the frames it rests on."""

    place: str
    value: Any
    reason: str | None
    frames: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Said:
    """An analysis with its values."""

    analysis: Analysis
    claims: Sequence[Claim]


@dataclass(frozen=True)
class Like:
    """An item that looks like this one, and how alike they are in words."""

    item: Row
    words: str


@dataclass(frozen=True)
class Words:
    """What files, models and people say of a picture."""

    enriched: Enriched | None = None
    tags: Sequence[Tag] = ()
    rating: Rating | None = None
    prompt: StoredPrompt | None = None
    former: Sequence[Former] = ()
    said: Sequence[Said] = ()
    exif: Exif | None = None


@dataclass(frozen=True)
class Detail:
    """One item; what there is only of media is empty for a file that never came in."""

    item: Row
    places: Sequence[Row]
    media: Media | None = None
    output: Output | None = None
    words: Words = field(default_factory=Words)
    collections: Sequence[str] = ()
    variants: Sequence[Variant] = ()
    alike: Sequence[Like] = ()
    integrity: Integrity | None = None
    masked: Timeline | None = None
    gaps: Timeline | None = None
    decisions: Sequence[Decision] = ()


def read(connection: Connection, item: str, now: datetime) -> Detail | None:
    """The item with this id, or None."""
    found = reading.find(connection, item)
    if found is None:
        return None
    if found["media"] is None:
        return Detail(found, [found])
    return _of_media(connection, found, MediaKey(found["media"]), now)


def _of_media(connection: Connection, item: Row, key: MediaKey, now: datetime) -> Detail:
    has = narrow(connection, key)
    output = outputs.current(connection, [key]).get(key)
    shown = item["file"] is not None
    return Detail(
        item=item,
        places=fetch(connection, _PLACES, [key]),
        media=media_table.load(connection, [key]).get(key),
        output=output,
        words=_words(connection, item, key, has) if shown else Words(),
        collections=sorted(item["collections"]),
        variants=_variants(connection, item, key),
        alike=_alike(connection, item, key) if shown and item["alike"] == "yes" else (),
        integrity=_integrity(connection, item, key) if "integrity" in has else None,
        masked=mask_timeline(output, item["seconds"]) if output is not None and shown else None,
        gaps=_gaps(connection, item, now) if item["gaps"] == "yes" else None,
        decisions=reviews.history(connection, key) if "decision" in has else (),
    )


def _variants(connection: Connection, item: Row, key: MediaKey) -> list[Variant]:
    """The larger pictures of the very file that is shown."""
    if not item["large"]:
        return []
    return [one for one in variants.of(connection, [key]) if one.output == item["file"]]


def _integrity(connection: Connection, item: Row, key: MediaKey) -> Integrity | None:
    """What reading the whole file has shown, unless it was one that stood there before."""
    found = integrity.of(connection, [key]).get(key)
    return found if found and found.output in (item["file"], key) else None


def _words(connection: Connection, item: Row, key: MediaKey, has: Collection[str]) -> Words:
    passed = reading.readable(item)
    known = enriched.of_readable(connection, [passed]) if passed else []
    prompt = prompts.of(connection, [key]).get(key) if "prompt" in has else None
    return Words(
        enriched=known[0] if known else None,
        tags=tags.of(connection, [key]).get(key, []) if "tag" in has else (),
        rating=tags.ratings_of(connection, [key]).get(key) if "rating" in has else None,
        prompt=prompt,
        former=prompts.history(connection, key) if prompt else (),
        said=list(_said(connection, item, key)) if "analysis" in has else (),
        exif=exif.of(connection, [key]).get(key) if "exif" in has else None,
    )


def _said(connection: Connection, item: Row, key: MediaKey) -> Iterator[Said]:
    """What was said of the very file that is shown."""
    for (profile,) in connection.execute(_CURRENT, [key]).fetchall():
        for one in analyses.current(connection, profile, [key]).values():
            if one.output != item["file"]:
                continue
            yield Said(one, _claims(json.loads(one.result)))


def _claims(result: Any) -> list[Claim]:
    return [
        Claim(place, one["value"], one.get("reason"), one.get("frames") or [])
        for place, one in claims(result)
    ]


def _alike(connection: Connection, item: Row, key: MediaKey) -> list[Like]:
    """What looks like this one, by the very files that are shown of both."""
    found = []
    for pair in fingerprints.near_to(connection, key)[:_LIKE_MOST]:
        here, there = (pair.media, pair.output), (pair.other, pair.other_output)
        if pair.other == key:
            here, there = there, here
        row = reading.find(connection, there[0][:16])
        if row is not None and (item["file"], row["file"]) == (here[1], there[1]):
            words = f"{pair.distance:.0f} of 256 bits differ" + (", mirrored" * pair.mirrored)
            at = "" if pair.offset_s is None else f", from {pair.offset_s:.0f} s on"
            found.append(Like(row, words + at))
    return found


def _gaps(connection: Connection, item: Row, now: datetime) -> Timeline | None:
    session = recordings.find(connection, item["intake"])
    if session is None:
        return None
    return gap_timeline(session, segments.gaps_of(connection, session.intake), now)
