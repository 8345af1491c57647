"""Text as a recogniser hands it over, brought into forms that rules can compare.

Recognisers drop blanks, glue icons to digits, take O for 0, l and I for 1, rn for m, and lose or
spell out umlauts. Four views of a text deal with that:

    normalise   one spelling of blanks, dashes and quotes; nothing else is changed
    fold        one spelling of a word whatever its case, accents and umlauts ("Müller", "MUELLER")
    skeleton    the folded word with letters that look alike made equal ("MüIler", "Mu11er")
    digits      the letters that were digits put back, in a piece that is known to be a number
"""

import re
import unicodedata

DIGIT = r"[0-9OoQDlI|!SBZ]"
"""What may stand where a digit was: a regular expression for one character."""

_READ_AS_DIGIT = str.maketrans("OoQDlI|!SBZ", "00001111582")
_BLANKS = re.compile(r"\s+")
_SIGNS = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    **dict.fromkeys(map(ord, "‘’´`"), "'"),
    **dict.fromkeys(map(ord, "•·"), "."),
    **dict.fromkeys(map(ord, "\0\u00ad\u200b\ufeff"), " "),
}
_SPELLED_UMLAUT = re.compile("([aou])e")
_UNACCENTED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "a", "œ": "o", "ı": "i"})
_LOOKALIKES = str.maketrans("01|!i5862943", "ollllsbgzgae")


def normalise(text: str) -> str:
    """One spelling of blanks, dashes, quotes and full-width characters; the words stay as read."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text).translate(_SIGNS)).strip()


def fold(word: str) -> str:
    """The word in lower case without accents; ä, ae and a are the same, and so are ß and ss."""
    folded = word.casefold()
    if not folded.isascii():
        parts = unicodedata.normalize("NFKD", folded.translate(_UNACCENTED))
        folded = "".join(part for part in parts if not unicodedata.combining(part))
    return _SPELLED_UMLAUT.sub(r"\1", folded)


def skeleton(folded: str) -> str:
    """A folded word in which what a recogniser mixes up is one and the same: 0 and o, rn and m."""
    return same_letters(folded).replace("rn", "m").replace("vv", "w")


def same_letters(folded: str) -> str:
    """A folded word in which single letters that look alike are one and the same."""
    return folded.translate(_LOOKALIKES)


def digits(piece: str) -> str:
    """A piece of a number with O, l, I, S, B and their like turned back into digits."""
    return piece.translate(_READ_AS_DIGIT)
