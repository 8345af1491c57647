"""`duplicates`: files that are the same or look alike, and which one to keep. Changes nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.installation import existing_store
from supervisor_core.enrichment.suggesting import Member, Suggestion, suggestions
from supervisor_core.keys import media_id
from supervisor_core.settings import Settings
from supervisor_core.store.alike import alike

_COLUMNS = ("group", "kind", "media", "suggestion", "bits", "at", "pixels", "bytes", "first seen")
_SHOWN = 20


def run(key: str, limit: int | None, *, as_json: bool) -> None:
    """Lists the groups: all, or those that one media or the media of an intake belong to."""
    with existing_store(Settings.load()).read() as connection:
        chosen = chosen_media(connection, [key]) if key else None
        found = alike(connection)
    groups = [one for one in suggestions(found) if chosen is None or one.media & chosen]
    if as_json:
        say.data_json(_told(groups, limit))
    else:
        _show(groups, limit or _SHOWN)


def _show(groups: Sequence[Suggestion], limit: int) -> None:
    say.table(
        _COLUMNS, [row for number, one in _numbered(groups, limit) for row in _rows(number, one)]
    )
    if not groups:
        say.note("No duplicates are known. What was not compared yet waits for a daemon (up).")
        return
    for number, one in _numbered(groups, limit):
        say.note(f"{number}: keep {media_id(one.members[0].facts.media)}, since {one.why}.")
    if len(groups) > limit:
        say.note(f"{limit} of {len(groups)} groups; see more with --limit.")
    say.note("Suggestions only: nothing was changed.")


def _numbered(groups: Sequence[Suggestion], limit: int) -> Iterator[tuple[int, Suggestion]]:
    return enumerate(groups[:limit], 1)


def _rows(number: int, group: Suggestion) -> Iterator[Sequence[object]]:
    for place, one in enumerate(group.members):
        facts = one.facts
        yield (
            number,
            group.kind,
            media_id(facts.media),
            "look" if place else "keep",
            _likeness(one) if place else "",
            "" if one.offset_s is None else f"{one.offset_s:.2f} s{'' if one.certain else ' ?'}",
            f"{facts.width}x{facts.height}",
            facts.size_bytes,
            (one.arrived or facts).first_seen.isoformat(timespec="seconds"),
        )


def _likeness(one: Member) -> str:
    return f"{one.distance:.3g}{' mirrored' if one.mirrored else ''}"


def _told(groups: Sequence[Suggestion], limit: int | None) -> dict[str, Any]:
    return {
        "found": len(groups),
        "kinds": dict(sorted(Counter(one.kind.value for one in groups).items())),
        "groups": [_group(one) for one in groups[:limit]],
    }


def _group(group: Suggestion) -> dict[str, Any]:
    return {
        "kind": group.kind.value,
        "keep": media_id(group.members[0].facts.media),
        "why": group.why.value,
        "members": [_member(one) for one in group.members],
    }


def _member(one: Member) -> dict[str, Any]:
    facts = one.facts
    return {
        "media": media_id(facts.media),
        "intake": one.arrived.intake if one.arrived else None,
        "file": one.arrived.ordinal + 1 if one.arrived else None,
        "distance": round(one.distance, 2),
        "mirrored": one.mirrored,
        "offset_s": one.offset_s,
        "matched": None if one.matched is None else round(one.matched, 3),
        "certain": one.certain,
        "width": facts.width,
        "height": facts.height,
        "bytes": facts.size_bytes,
        "seconds": facts.seconds,
        "first_seen": (one.arrived or facts).first_seen.isoformat(),
    }
