"""Words that stand for a patient are planted wherever a file can carry them, and looked for after.

After the real job has taken the files in, the words may be in the files that were kept as they came
and in the encrypted store, and nowhere else: in no database, no log, no name, no cleaned file.
"""

import gzip
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import canaries
import drawn
import duckdb
import pytest
from command import environment, run
from media_builders import write_dicom
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store

DRAWN = ("Quastenflosser", "17.03.1931", "73409182")
ON_STILL = "Brillenkauz"
IN_DICOM = "Dicomreiher"
NAMES = ("Ordnerspecht", "Namensfalke", "Absagewachtel", "Asideamsel")
INSIDE = ("Titelkranich", "Inhaltshabicht", "Exifsperling", "Textdohle", "Stumpfpirol", IN_DICOM)
WORDS = (*DRAWN, ON_STILL, *NAMES, *INSIDE)
KEPT = ("raw", "aside", "refused", "inbox")

ROOT = Path(__file__).parent


def plant(folder: Path) -> None:
    """Files that carry the words in pictures, containers, headers and their own names."""
    folder.mkdir(parents=True)
    drawn.clip(folder / f"{NAMES[1]}.mp4", [f"{DRAWN[0]}, Rosalind", *DRAWN[1:]], title=INSIDE[0])
    damaged = drawn.clip(folder / f"{NAMES[3]}.mp4", DRAWN, frames=30, title=INSIDE[4])
    content = bytearray(damaged.read_bytes())
    middle = content.index(b"mdat") + len(content) // 3
    content[middle : middle + 4000] = bytes(4000)
    damaged.write_bytes(content)
    (folder / f"{NAMES[2]}.mp4").write_text(f"concat list of {INSIDE[1]}\n" * 20)
    picture = Image.fromarray(drawn.picture([ON_STILL], shift=9)[:, :, ::-1])
    exif = picture.getexif()
    exif[0x010E] = INSIDE[2]
    picture.save(folder / "exif.jpg", exif=exif, quality=95)
    notes = PngInfo()
    notes.add_text("Comment", INSIDE[3], zip=True)
    picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(folder / "notes.png", pnginfo=notes)
    pixels = drawn.picture([ON_STILL], shift=5)[:, :, ::-1]
    write_dicom(folder / "us.dcm", pixels, PatientName=f"{IN_DICOM}^Erna", PatientID="73409182")


@dataclass(frozen=True)
class Done:
    """A home through which the planted files have gone, and what the program said about it."""

    home: Home
    said: bytes

    @property
    def store(self) -> Store:
        return Store(self.home, Settings(home=self.home.root))


def by_the_job(folder: Path) -> Done:
    """The real job, as a run worker does it, over an instance with its own files and logs."""
    home = Home.create(folder / "home")
    plant(home.inbox / NAMES[0])
    script = ROOT / "campaign" / "run_intakes.py"
    settings = {"SUPERVISOR_SETTLE_S": "0"}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), "job"],
        env=environment(home.root, settings), capture_output=True, check=True, timeout=150,
    )  # fmt: skip
    assert any(path.stat().st_size for path in home.dagster.rglob("compute_logs/*.err"))
    return Done(home, ran.stdout + ran.stderr)


def by_the_command(folder: Path) -> Done:
    """The command that a person types; it may say the names that were given to it."""
    plant(folder / NAMES[0])
    home = Home.create(folder / "home")
    ran = run("ingest", folder / NAMES[0], "--wait", "--json", home=home.root, cwd=folder)
    assert ran.code == 3
    assert {path.name for path in folder.iterdir()} == {"home", NAMES[0]}
    told = [run("status", home=home.root), run("doctor", home=home.root)]
    told.append(run("sql", "FROM arrival", home=home.root))
    return Done(home, "".join([ran.err, *(one.out + one.err for one in told)]).encode())


@pytest.fixture(
    scope="module", params=[by_the_job, pytest.param(by_the_command, marks=pytest.mark.campaign)]
)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    way: Callable[[Path], Done] = request.param
    return way(tmp_path_factory.mktemp("canaries"))


@pytest.mark.campaign
def test_the_words_stay_where_they_belong(done: Done) -> None:
    assert not canaries.find(done.home.root, WORDS, leave_out=KEPT)
    assert not canaries.holds(done.said, WORDS)


def test_what_was_read_and_named_is_in_the_encrypted_store_alone(done: Done) -> None:
    with done.store.restricted() as connection:
        texts = [text for (text,) in connection.execute("SELECT text FROM identifier").fetchall()]
        named = connection.execute("SELECT relative_path FROM arrival_name").fetchall()
        tags = dict(connection.execute("SELECT tag, value FROM dicom_tag").fetchall())
    read = canaries.holds("\n".join(texts).encode(), WORDS)
    assert read == {*DRAWN, ON_STILL}
    assert canaries.holds(str(named).encode(), WORDS) == set(NAMES)
    assert canaries.holds(str(tags).encode(), WORDS) == {IN_DICOM, "73409182"}
    # Also as the recogniser has spelled them.
    assert not canaries.find(done.home.root, [one for one in texts if len(one) > 4], leave_out=KEPT)


def test_the_words_were_there_to_be_found(done: Done) -> None:
    assert {word for word, _ in canaries.find(done.home.root, WORDS)} >= set(INSIDE)
    assert len(list(done.home.dagster.rglob("runs/*-*.db"))) == 4
    sql = "SELECT cleaning, count(*) FROM arrival LEFT JOIN media USING (media) GROUP BY cleaning"
    with done.store.read() as connection:
        levels = dict(connection.execute(sql).fetchall())
    assert levels == {"frame_level": 4, "raw_aside": 1, None: 1}


def test_a_word_is_found_wherever_it_hides(tmp_path: Path) -> None:
    (tmp_path / "plain.log").write_text("a line about QUASTENFLOSSER")
    (tmp_path / "wide.bin").write_bytes("x Quastenflosser".encode("utf-16-le"))
    (tmp_path / "packed.bin").write_bytes(b"head" + zlib.compress(b"and Quastenflosser" * 9))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"and Quastenflosser"))
    (tmp_path / "quastenflosser.txt").touch()
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("CREATE TABLE event (id INTEGER, body TEXT)")
        connection.execute("INSERT INTO event VALUES (1, 'Quastenflosser')")
    connection.close()
    with duckdb.connect(str(tmp_path / "main.duckdb")) as duck:
        duck.execute("CREATE TABLE t AS SELECT 'Quasten' || 'flosser' AS word FROM range(50000)")
    found = {path for _, path in canaries.find(tmp_path, DRAWN)}
    assert found == {path.name for path in tmp_path.iterdir()}
