"""What the rules find in texts as a recogniser hands them over, and what they leave alone."""

import datetime
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supervisor_core.cleaning import names as names_module
from supervisor_core.cleaning.identifiers import (
    LONGEST_TEXT,
    Identifier,
    IdentifierKind,
    NameList,
    classify,
    classify_together,
    must_mask,
    must_mask_together,
)
from supervisor_core.cleaning.names import Known
from supervisor_core.cleaning.ocr_text import normalise
from supervisor_core.reasons import Failed, Reason

NAMES = NameList.default()
NAME, BIRTH, DATE = IdentifierKind.PATIENT_NAME, IdentifierKind.BIRTH_DATE, IdentifierKind.DATE
TIME, CASE, PATIENT_ID = IdentifierKind.TIME, IdentifierKind.CASE_NUMBER, IdentifierKind.PATIENT_ID
AGE, INSTITUTION, SERIAL = IdentifierKind.AGE, IdentifierKind.INSTITUTION, IdentifierKind.SERIAL


def found(text: str) -> list[tuple[IdentifierKind, str]]:
    return [(known.kind, known.text) for known in classify(text, NAMES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Annegret Quibbel", "Annegret Quibbel"),
        ("ANNEGRET QUIBBEL", "ANNEGRET QUIBBEL"),
        ("annegret müller", "annegret müller"),
        ("Quibbel, Annegret", "Quibbel, Annegret"),
        ("Müller-Lüdenscheidt, Anna-Lena", "Müller-Lüdenscheidt, Anna-Lena"),
        ("Annegret von der Quibbel", "Annegret von der Quibbel"),
        ("MUELLER", "MUELLER"),
        ("Muller", "Muller"),
        ("MüIler", "MüIler"),
        ("Mu11er", "Mu11er"),
        ("Mller", "Mller"),
        ("M ller", "M ller"),
        ("Tho mas Quibbel", "Tho mas Quibbel"),
        ("THORNAS", "THORNAS"),
        ("Th0mas", "Th0mas"),
        ("AnnegretMüller", "AnnegretMüller"),
        ("PETERMEIER", "PETERMEIER"),
        ("Thomas29", "Thomas"),
        ("Dr. Quibbel", "Quibbel"),
        ("Dr.Quibbel", "Quibbel"),
        ("Prof. Dr. med. Quibbel", "Quibbel"),
        ("Frau Xylander", "Xylander"),
        ("M. Klein", "M. Klein"),
        ("Ernst Klein", "Ernst Klein"),
        ("Klein, Xaverius", "Klein, Xaverius"),
        ("Mark Brown", "Mark Brown"),
        ("Name: Quibbel, Zorro", "Quibbel, Zorro"),
        ("Name:Quibbel", "Quibbel"),
        ("Patient Quibbel", "Quibbel"),
        ("Pat.: Licht", "Licht"),
        ("geb. Quibbel", "Quibbel"),
        ("Untersucher: OA Dr. Quibbel", "Quibbel"),
        ("Name\uff1aQuibbel", "Quibbel"),
    ],
)
def test_names_are_found_however_they_are_written_or_misread(text: str, expected: str) -> None:
    assert found(text) == [(NAME, expected)]


@pytest.mark.parametrize(
    "word",
    ["Ernst", "Lang", "Klein", "Weiß", "Will", "Mark", "May", "Long", "Young", "White", "Brown"],
)
def test_a_name_that_is_an_everyday_word_needs_company(word: str) -> None:
    assert found(word) == []
    assert found(f"{word} 2") == []
    assert found(f"Name: {word}") == [(NAME, word)]
    assert found(f"{word}, Annegret") == [(NAME, f"{word}, Annegret")]
    assert must_mask(word, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "21/03/1994", "21.03.1994", "21-03-1994", "21.3.94", "21/03/94", "06.16.1976", "1994-03-21",
        "2l/O3/I994", "21.03 1994", "21,03,1994", "21|03|1994", "21. März 1994", "21 Maerz 1994",
        "21.Marz1994", "21 Mai 1994", "3. Okt. 1994", "3. 0kt 1994", "21-MAR-94", "21MAR1994",
        "March 21, 1994", "Dec 3rd 1994", "03/1994", "Feb 1994", "19940321", "21031994",
    ],
)  # fmt: skip
def test_dates_are_found_in_both_languages(text: str) -> None:
    assert found(text) == [(DATE, text)]
    for label in ("geb. ", "geb.", "Geb.-Datum: ", "Geburtsdatum ", "DOB:", "D0B: ", "born "):
        assert found(label + text) == [(BIRTH, text)], label


@given(
    day=st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)),
    form=st.sampled_from(("%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%d", "%d %b %Y")),
    clock=st.times(),
)
def test_a_time_that_lost_its_blank_does_not_hide_the_date(
    day: datetime.date, form: str, clock: datetime.time
) -> None:
    date, hour = day.strftime(form), clock.strftime("%H:%M:%S")
    assert found(f"{date} {hour}") == [(DATE, date), (TIME, hour)]
    assert found(f"{date}{hour}") == [(DATE, date), (TIME, hour)]


@pytest.mark.parametrize("text", ["99/99/2024", "31.31.2020", "9.9/9.6", "3.10.0", "2.8", "12345"])
def test_what_is_no_day_is_no_date(text: str) -> None:
    assert DATE not in [kind for kind, _ in found(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12345678", CASE, "12345678"),
        ("l2345678", CASE, "l2345678"),
        ("630P630", CASE, "630P630"),
        ("44CG43", CASE, "44CG43"),
        ("2024-00815", CASE, "2024-00815"),
        ("Fall-Nr 0815", CASE, "0815"),
        ("Fall-Nr.:77", CASE, "77"),
        ("Fallnummer: E-77/24", CASE, "E-77/24"),
        ("Case No 12", CASE, "12"),
        ("Accession #: A4711", CASE, "A4711"),
        ("MRN 4711", PATIENT_ID, "4711"),
        ("MRN:4711", PATIENT_ID, "4711"),
        ("Pat.-ID: AB12", PATIENT_ID, "AB12"),
        ("Pat-lD 4711", PATIENT_ID, "4711"),
        ("ID: QUIBBEL", PATIENT_ID, "QUIBBEL"),
        ("ID: 123 456 789", PATIENT_ID, "123 456 789"),
        ("SN 2001951", SERIAL, "2001951"),
        ("SN2001951", SERIAL, "2001951"),
        ("S/N: X77", SERIAL, "X77"),
        ("29 J", AGE, "29 J"),
        ("29J.", AGE, "29J"),
        ("29 y", AGE, "29 y"),
        ("029Y", AGE, "029Y"),
        ("29-jährig", AGE, "29-jährig"),
        ("M/29", AGE, "M/29"),
        ("Alter: 29", AGE, "29"),
        ("Age 29", AGE, "29"),
        ("Klinikum Quibbelstadt", INSTITUTION, "Klinikum Quibbelstadt"),
        ("QUIBBEL MED CTR", INSTITUTION, "QUIBBEL MED CTR"),
        ("QUIBBELMEDCTR", INSTITUTION, "QUIBBELMEDCTR"),
        ("Kran kenhaus Nord", INSTITUTION, "Kran kenhaus Nord"),
        ("Praxis Dr. Quibbel", INSTITUTION, "Praxis Dr. Quibbel"),
        ("St. Quibbel Hospital", INSTITUTION, "St. Quibbel Hospital"),
        ("09:52:17", TIME, "09:52:17"),
        ("9.52 Uhr", TIME, "9.52 Uhr"),
        ("00:00:10:12", TIME, "00:00:10:12"),
    ],
)
def test_numbers_ages_places_and_times_get_their_kind(
    text: str, kind: IdentifierKind, value: str
) -> None:
    assert found(text) == [(kind, value)]
    assert must_mask(text, NAMES)


def test_one_line_may_hold_many() -> None:
    line = "Name: Quibbel, Zorro geb. 01.02.1960 Fall-Nr. 4711 Klinikum Nord, 15.02.2024 09:52"
    assert found(line) == [
        (NAME, "Quibbel, Zorro"),
        (BIRTH, "01.02.1960"),
        (CASE, "4711"),
        (INSTITUTION, "Klinikum Nord"),
        (DATE, "15.02.2024"),
        (TIME, "09:52"),
    ]


def test_the_texts_of_real_footage(shared_data: Path) -> None:
    truth = json.loads((shared_data / "medical" / "truth.json").read_text("utf-8"))
    for text in truth["harmless"]:
        assert classify(text, NAMES) == ()
        assert not must_mask(text, NAMES), text
    kinds = {"patient_name": NAME, "dob": BIRTH, "age": AGE}
    exam = truth["files"]["lx_endoscopy_frame1.jpg"].replace(" ", "")
    panel = [exam, *truth["harmless"], *(entry["text"] for entry in truth["identifiers"])]
    panel[-1] = "i" + panel[-1]
    read = classify_together(panel, NAMES)
    assert [known.kind for known in read[0]] == [DATE, TIME]
    for entry, known in zip(truth["identifiers"], read[-4:], strict=True):
        assert known == (Identifier(kinds[entry["kind"]], entry["text"].strip(",")),)
    others = [text for texts in truth["other"].values() for text in texts]
    assert all(classify(text, NAMES) and must_mask(text, NAMES) for text in others)


def test_a_label_explains_the_text_behind_it() -> None:
    texts = ["Name:", "Quibbel", "Vorname:", "Zorro", "Geb.:", "01.02.60", "Fall-Nr.", "77"]
    read = [
        [(known.kind, known.text) for known in entry] for entry in classify_together(texts, NAMES)
    ]
    assert read[1::2] == [
        [(NAME, "Quibbel")],
        [(NAME, "Zorro")],
        [(BIRTH, "01.02.60")],
        [(CASE, "77")],
    ]
    assert read[::2] == [[], [], [], []]


@pytest.mark.parametrize(
    ("texts", "kinds"),
    [
        (["Quibbel,", "Annegret"], [[NAME], [NAME]]),
        (["Lang", "Ernst"], [[NAME], [NAME]]),
        (["Lang", "Fokus"], [[], []]),
        (["Lang", "01.02.1960", "64"], [[NAME], [BIRTH], [AGE]]),
        (["01.02.1960 i64"], [[BIRTH, AGE]]),
        (["01.02.1960", "64 J"], [[BIRTH], [AGE]]),
        (["15.02.2024 09:52", "29"], [[DATE, TIME], []]),
        (["15.02.2024", "01.02.1960", "64"], [[DATE], [BIRTH], [AGE]]),
        (["15.02.2024", "01.02.1960", "12"], [[DATE], [DATE], []]),
    ],
)
def test_neighbours_explain_each_other(texts: list[str], kinds: list[list[IdentifierKind]]) -> None:
    read = classify_together(texts, NAMES)
    assert [[known.kind for known in entry] for entry in read] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "Standbild", "Ausl0sen 1", "Kanal 3", "Bild 12", "120 mm", "50Hz", "1920x1080", "9.9/9.6",
        "2.8", "0", "GIF-EZ1500", "Semi-Upright", "Patient Position", "Name:", "Geb.-Datum",
        "TIS<0.4 MI=0.8", "Zoom 2x", "Aufnahme nicht bereit", "Video 1 ok",
    ],
)  # fmt: skip
def test_the_interface_may_stay_visible(text: str) -> None:
    assert classify(text, NAMES) == ()
    assert not must_mask(text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "…", "中", "Quibbel", "Qu?bb", "Quibbel, Zorro", "Licht,", "29", "i29",
        "1994", "21.03", "21.03.", "15. Mai", "Pat 29", "Standbild Quibbel", "quibbel@example.org",
        "x" * (LONGEST_TEXT + 1), "Fokus " * LONGEST_TEXT, "Ida", "Max", "0170 77", "Иванов",
    ],
)  # fmt: skip
def test_the_unknown_is_masked(text: str) -> None:
    assert must_mask(text, NAMES)


def test_a_neighbour_can_betray_a_harmless_text() -> None:
    texts = ["Name:", "Licht", "Zoom"]
    assert [must_mask(text, NAMES) for text in texts] == [False, False, False]
    assert must_mask_together(texts, NAMES) == (False, True, False)


SOLID = sorted(
    word for word, known in NAMES.names.items() if len(word) > 4 and Known.EVERYDAY not in known
)
CONFUSIONS = (("l", "I"), ("i", "l"), ("o", "0"), ("e", "c"), ("u", "v"), ("n", "h"), ("m", "rn"))


@given(name=st.sampled_from(SOLID), confusion=st.sampled_from(CONFUSIONS), shouted=st.booleans())
def test_one_confused_letter_does_not_hide_a_name(
    name: str, confusion: tuple[str, str], shouted: bool
) -> None:
    meant, read = confusion
    assume(meant in name[1:])
    garbled = name[0] + name[1:].replace(meant, read, 1)
    assume(garbled not in NAMES.names and not NAMES.is_ordinary(garbled))
    garbled = garbled.upper() if shouted and read not in "Il" else garbled[0].upper() + garbled[1:]
    assert found(garbled) == [(NAME, garbled)]


PIECES = st.sampled_from(
    ("Name:", "geb.", "Pat.-ID", "Klein", "Annegret", "21.03.", "1994", "l2:O3", "von", ",", "Dr.",
     "ID", "J", "\0", "*", "II", "MED CTR", "29", "ß", "İ", "²", "٣", "A.", "Müller-")
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map(" ".join)))
def test_any_text_gets_an_answer_made_of_its_own_words(text: str) -> None:
    read = classify(text, NAMES)
    assert all(known.text and known.text in normalise(text) for known in read)
    assert must_mask(text, NAMES) or not read


@given(st.lists(st.one_of(st.text(max_size=20), PIECES), max_size=8))
def test_texts_read_together_lose_nothing_that_one_alone_shows(texts: list[str]) -> None:
    together = classify_together(texts, NAMES)
    assert len(together) == len(texts)
    for text, read in zip(texts, together, strict=True):
        assert bool(read) >= bool(classify(text, NAMES))
    masked = must_mask_together(texts, NAMES)
    assert all(one >= must_mask(text, NAMES) for text, one in zip(texts, masked, strict=True))


def test_short_texts_take_less_than_a_millisecond_each() -> None:
    texts = ["15/02/202409:52:17", "Temp. Pat.-ID ausgeben", "Quibbel, Annegret", "630P630"] * 50
    started = time.process_time()
    for text in texts:
        classify(text, NAMES)
    assert (time.process_time() - started) / len(texts) < 0.001


@pytest.mark.parametrize("piece", ["A.", "1/", "Pat.", "geb. ", "M. ", "Dr. ", "von ", "O0|", "a-"])
def test_a_hostile_text_takes_bounded_time(piece: str) -> None:
    started = time.process_time()
    must_mask(piece * (LONGEST_TEXT // len(piece)), NAMES)
    assert time.process_time() - started < 1


def test_an_operators_own_list_adds_names_and_takes_words_out(tmp_path: Path) -> None:
    own = tmp_path / "names.txt"
    own.write_text(
        "\ufeff# staff\nQuibbel, Zorro  # surgeon\n\nErnst\n-Lampenraum\n-Iris\n", "utf-8"
    )
    names = NameList.default(own)
    assert classify("Qvibbel", names) == (Identifier(NAME, "Qvibbel"),)
    assert classify("ZORRO", names) == (Identifier(NAME, "ZORRO"),)
    assert classify("Ernst", names) == (Identifier(NAME, "Ernst"),)
    assert must_mask("Lampenraum", NAMES)
    assert must_mask("Auto Iris", NAMES)
    assert not must_mask("Lampenraum", names)
    assert not must_mask("Auto Iris", names)
    assert classify("Annegret", names) == (Identifier(NAME, "Annegret"),)


def test_without_an_own_list_the_shipped_one_holds(tmp_path: Path) -> None:
    assert NameList.default(tmp_path / "names.txt") is NameList.default()


def test_an_unreadable_own_list_is_named_without_its_path(tmp_path: Path) -> None:
    own = tmp_path / "names.txt"
    own.write_bytes("Quibbel\nMüller\n".encode("latin-1"))
    with pytest.raises(Failed) as failure:
        NameList.default(own)
    assert failure.value.reason is Reason.BAD_CONFIGURATION
    assert str(tmp_path) not in str(failure.value)


def test_a_missing_list_of_names_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "LOCALES", ("xx_XX",))
    names_module._shipped.cache_clear()
    try:
        with pytest.raises(Failed) as failure:
            NameList.default()
        assert failure.value.reason is Reason.DEPENDENCY_MISSING
    finally:
        names_module._shipped.cache_clear()


def test_the_name_list_is_read_without_importing_the_package_it_comes_in() -> None:
    script = (
        "import sys; from supervisor_core.cleaning.identifiers import NameList, classify;"
        "assert classify('Annegret', NameList.default()); print('faker' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
