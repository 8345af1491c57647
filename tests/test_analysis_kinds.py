"""What a media shows: the operator's word before the model's, and that before the file's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.analysis.kinds import Kind, Source, decide, hint_of
from supervisor_core.analysis.profiles import load_analysis

CLIMBING = load_analysis("climbing")
GENERAL = load_analysis("general")


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (("lead", "speed", "ice"), Kind("lead", Source.TAG)),
        ((" Lead ", None, None), Kind("lead", Source.TAG)),
        (("karate", "speed", "ice"), Kind("speed", Source.MODEL)),
        ((None, "Muster Erika", "ice"), Kind("ice", Source.NAME)),
        ((None, None, "Muster"), Kind(None, Source.NONE)),
        ((None, None, None), Kind(None, Source.NONE)),
        (("", "", ""), Kind(None, Source.NONE)),
    ],
)
def test_who_decides(told: tuple[str | None, str | None, str | None], kind: Kind) -> None:
    assert decide(*told, CLIMBING) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Erika_Muster_bouldern-2024.mp4", "bouldering"),
        ("BOULDER01.MOV", "bouldering"),
        ("SundayBoulderSession.mp4", "bouldering"),
        ("Mehrseilla\u0308nge Sonntag.mkv", "lead"),
        ("eisklettern.ts", "ice"),
        ("leader.mp4", None),
        ("Muster.mp4", None),
        ("boulder oder vorstieg.mp4", None),
        ("boulder bouldern boulder.mp4", "bouldering"),
        ("", None),
        (None, None),
    ],
)
def test_what_a_name_hints_at(name: str | None, kind: str | None) -> None:
    assert hint_of(name, CLIMBING) == kind


def test_german_and_english_lead_to_the_same() -> None:
    names = ("klettern.mp4", "climbing.mp4", "fussball.mp4", "FUẞBALL.mp4")
    assert [hint_of(name, GENERAL) for name in names] == ["climbing", "climbing", "sport", "sport"]


@given(st.text(), st.text(), st.text())
def test_nothing_but_words_of_the_list_comes_out(tag: str, word: str, name: str) -> None:
    kind = decide(tag, word, hint_of(name, GENERAL), GENERAL)
    assert kind.word is None or kind.word in GENERAL.kinds
