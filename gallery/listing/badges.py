"""What an item is, as everybody reads it: a word, a sign and a colour, never a colour alone."""

from dataclasses import dataclass
from enum import StrEnum


class Badge(StrEnum):
    """The states that a list can be narrowed to; the values stand in `snapshot/item.sql`."""

    NEEDS_REVIEW = "needs_review"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    NOT_REQUIRED = "not_required"
    CLEANING = "cleaning"
    RAW = "raw"
    FAILED = "failed"


@dataclass(frozen=True)
class Sign:
    """How a badge looks: its word, the id of its icon, its tone (a class of the style sheet)."""

    word: str
    icon: str
    tone: str


SIGNS: dict[str, Sign] = {
    Badge.NEEDS_REVIEW: Sign("Cleaned - needs review", "eye", "attention"),
    Badge.HELD: Sign("Held", "pause", "attention"),
    Badge.RELEASED: Sign("Released", "out", "good"),
    Badge.REJECTED: Sign("Rejected", "cross", "bad"),
    Badge.NOT_REQUIRED: Sign("No cleaning asked for", "open", "neutral"),
    Badge.CLEANING: Sign("Cleaning", "brush", "busy"),
    Badge.RAW: Sign("Raw (not anonymized)", "warning", "bad"),
    Badge.FAILED: Sign("Failed", "warning", "bad"),
}
_STOPPED = (Badge.HELD, Badge.REJECTED)  # told also while there is no file to show
VERIFIED = Sign("Verified", "tick", "good")
LARGE = Sign("HD", "large", "neutral")
STUCK = Sign("Blocked by Ollama", "hourglass", "attention")
GAPS = Sign("Has gaps", "gap", "attention")
DAMAGED = Sign("Damaged", "warning", "bad")


def signs_of(item: dict[str, object]) -> list[Sign]:
    """The badges of an item (a row of `item`), the state first."""
    main = SIGNS[str(item["state"])]
    if item["state"] == Badge.FAILED and item["reason"]:
        main = Sign(f"Failed: {item['reason']}", main.icon, main.tone)
    reviewed = str(item["review"])
    facts = (
        (reviewed in _STOPPED and reviewed != item["state"], SIGNS.get(reviewed, main)),
        (item["checked"] == "verified", VERIFIED),
        (item["checked"] == "damaged", DAMAGED),
        (item["large"], LARGE),
        (item["stuck"], STUCK),
        (item["gaps"] == "yes", GAPS),
    )
    return [main, *(sign for holds, sign in facts if holds)]
