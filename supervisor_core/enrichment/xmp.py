"""Keywords and stars that people gave a picture in other programs, out of its XMP.

Only two properties are looked for, in one walk over the text: there is no parser that entities or
depth could keep busy. Source: XMP specification part 1 (rdf:Bag of dc:subject, xmp:Rating).
"""

import html
import re
from collections.abc import Iterator
from itertools import islice

from supervisor_core.enrichment.prompt import text_of

KEYWORDS_MAX = 500
_CHARS_MAX = 200
_ITEM = "<rdf:li"
_STARS = re.compile(r"\bxmp:Rating(?:=\"|=\'|\s*+>)\s*+(-?[0-9]{1,2})(?:\.0)?[\"\'<\s]")


def keywords_in(text: str) -> tuple[str, ...]:
    """The keywords, each once and in their order; as `namespace:name` where they are so written."""
    bag = text.partition("<dc:subject")[2].partition("</dc:subject>")[0]
    words = (_plain(item) for item in islice(_items(bag), KEYWORDS_MAX))
    return tuple(dict.fromkeys(word for word in words if word))


def stars_in(text: str) -> int | None:
    """The stars, 0 to 5; none for what is no number of stars, as "rejected" (-1) is none."""
    found = _STARS.search(text)
    return int(found[1]) if found and 0 <= int(found[1]) <= 5 else None


def _items(bag: str) -> Iterator[str]:
    at = 0
    while (begin := bag.find(_ITEM, at)) >= 0 and (end := bag.find(">", begin)) >= 0:
        at = bag.find("<", end)
        yield bag[end + 1 : at] if at >= 0 else ""
        if at < 0:
            return


def _plain(item: str) -> str:
    return " ".join(text_of(html.unescape(item)).split())[:_CHARS_MAX]
