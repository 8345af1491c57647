"""Keys and sessions: only hashes are kept, only their owner reads them, removal ends it all."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gallery_parts import Door, door
from starlette.responses import Response

from gallery.access.keys import Keys
from gallery.access.roles import Person, Role
from gallery.access.sessions import Session, Sessions
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason


@pytest.fixture
def house(tmp_path: Path) -> Door:
    return door(tmp_path)


def cookies(write: Callable[[Response], None]) -> str:
    """What a browser sends after this answer."""
    response = Response()
    write(response)
    return "; ".join(one.partition(";")[0] for one in response.headers.getlist("set-cookie"))


def begun(house: Door, key: Any) -> str:
    return cookies(lambda r: house.sessions.write(r, Session.begin(key), secure=False))


def refused(attempt: Callable[[], object]) -> Failed:
    with pytest.raises(Failed) as caught:
        attempt()
    return caught.value


def test_the_first_start_makes_one_admin_key_and_the_next_none(tmp_path: Path) -> None:
    keys = Keys(Home.create(tmp_path))
    assert keys.begin()
    first = keys.first.path.read_text().strip()
    found = keys.of(first)
    assert found is not None
    assert (found.name, found.role) == ("admin", Role.ADMIN)
    keys.first.path.unlink()
    assert not Keys(Home.create(tmp_path)).begin()
    assert not keys.first.path.exists()
    assert [key.name for key in keys.all()] == ["admin"]


def test_starts_at_once_make_one_key(tmp_path: Path) -> None:
    Home.create(tmp_path)
    code = (
        "import sys; from pathlib import Path; from gallery.access.keys import Keys\n"
        "from supervisor_core.home import Home\n"
        "print(Keys(Home(Path(sys.argv[1]))).begin())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert said == [b"False", b"False", b"True"]
    assert Keys(Home(tmp_path)).of((tmp_path / "gallery.key").read_text().strip())


def test_no_key_is_kept_but_its_hash_and_nobody_else_may_read_it(house: Door) -> None:
    given = house.keys.add("erika", Role.VIEWER)
    kept = list(house.keys.file.path.parent.iterdir())
    assert not any(given in path.read_text() for path in kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*kept, house.keys.first.path]} == {0o600}
    assert stat.S_IMODE(house.keys.file.path.parent.stat().st_mode) == 0o700


def test_keys_have_256_bits_and_no_two_are_the_same(house: Door) -> None:
    given = {house.keys.add(f"p{number}", Role.VIEWER) for number in range(20)}
    assert len(given) == 20
    assert {len(one) for one in given} == {len("gk_") + 43}  # 32 bytes in base 64


@pytest.mark.parametrize("given", ["", "gk_", "x" * 5000, "gk_\0", "ü" * 43, "\udcff"])
def test_what_is_no_key_is_nobodys(house: Door, given: str) -> None:
    assert house.keys.of(given) is None


def test_a_key_is_its_owners_only_when_all_of_it_fits(house: Door) -> None:
    given = house.keys.add("erika", Role.REVIEWER)
    found = house.keys.of(given)
    assert found is not None
    assert found.name == "erika"
    assert house.keys.of(given[:-1]) is None
    assert house.keys.of(given + "A") is None
    assert house.keys.of(given.swapcase()) is None
    assert house.keys.of(found.hash) is None


@pytest.mark.parametrize("name", ["", ".x", "a b", "ä", "a/b", "x" * 41, "a\n", "<b>", "-x"])
def test_names_are_plain(house: Door, name: str) -> None:
    failed = refused(lambda: house.keys.add(name, Role.VIEWER))
    assert (failed.reason, failed.facts) == (Reason.KEY_NAME_REFUSED, {"name": "not_usable"})


def test_a_name_is_one_persons_however_it_is_written(house: Door) -> None:
    house.keys.add("Erika", Role.VIEWER)
    failed = refused(lambda: house.keys.add("erika", Role.ADMIN))
    assert failed.facts == {"name": "taken"}
    assert house.keys.remove("ERIKA").name == "Erika"
    assert refused(lambda: house.keys.remove("erika")).reason is Reason.KEY_NOT_KNOWN


def test_another_process_adds_and_removes(house: Door) -> None:
    elsewhere = Keys(house.home)
    given = elsewhere.add("erika", Role.VIEWER)
    assert house.keys.of(given)
    elsewhere.remove("erika")
    assert house.keys.of(given) is None


def test_keys_may_be_made_before_the_first_start(tmp_path: Path) -> None:
    keys = Keys(Home.create(tmp_path))
    assert keys.all() == ()
    assert keys.of(keys.add("erika", Role.ADMIN))
    assert not keys.begin()


def test_without_a_file_nobody_comes_in(tmp_path: Path) -> None:
    keys = Keys(Home.create(tmp_path))
    assert keys.of("gk_x") is None
    assert refused(lambda: keys.secret).facts == {"keys": "not_found"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_lets_nobody_in(house: Door, mode: int) -> None:
    given = house.keys.add("erika", Role.ADMIN)
    assert house.keys.of(given)
    house.keys.file.path.chmod(mode)
    failed = refused(lambda: house.keys.of(given))
    assert failed.reason is Reason.GALLERY_KEYS_UNUSABLE
    assert failed.facts == {"keys": "readable_by_others", "mode": f"{mode:o}"}
    house.keys.file.path.chmod(0o600)
    assert house.keys.of(given)


DAMAGED = [b"", b"{", b"[]", b"\xff\xfe", b'{"secret": "00", "keys": []}', b"null", b'{"keys": []}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_lets_nobody_in_and_is_not_written_over(house: Door, content: bytes) -> None:
    house.keys.file.path.write_bytes(content)
    for attempt in (
        lambda: house.keys.all(),
        lambda: house.keys.add("erika", Role.ADMIN),
        lambda: house.keys.begin() or house.keys.all(),
    ):
        assert refused(attempt).facts == {"keys": "damaged"}
    assert house.keys.file.path.read_bytes() == content


def test_a_role_that_is_none_is_damage(house: Door) -> None:
    found = json.loads(house.keys.file.path.read_text())
    found["keys"][0]["role"] = "owner"
    house.keys.file.path.write_text(json.dumps(found))
    assert refused(house.keys.all).facts == {"keys": "damaged"}


def test_a_link_is_not_followed(house: Door, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    house.keys.file.path.rename(elsewhere)
    house.keys.file.path.symlink_to(elsewhere)
    assert refused(house.keys.all).reason is Reason.GALLERY_KEYS_UNUSABLE


def test_roles_include_those_before_them() -> None:
    assert [str(role) for role in sorted(Role)] == ["viewer", "reviewer", "admin"]
    person = Person("erika", Role.REVIEWER, "", "")
    assert (person.may("viewer"), person.may(Role.REVIEWER), person.may("admin")) == (1, 1, 0)
    assert person.who == "gallery:erika"
    with pytest.raises(ValueError, match="no such role"):
        Role.of("root")


def test_a_session_is_its_keys_until_it_is_removed(house: Door) -> None:
    key = house.keys.of(house.keys.add("erika", Role.VIEWER))
    sent = begun(house, key)
    found = house.sessions.read(sent)
    assert found is not None
    assert found[1] == key
    house.keys.remove("erika")
    assert house.sessions.read(sent) is None
    house.keys.add("erika", Role.VIEWER)  # another key under the same name
    assert house.sessions.read(sent) is None


def test_a_session_ends_after_its_hours(tmp_path: Path) -> None:
    house = door(tmp_path, gallery_session_h=2)
    now = datetime(2026, 5, 4, tzinfo=UTC).timestamp()
    moment = [now]
    sessions = Sessions(house.home, house.keys, house.settings, clock=lambda: moment[0])
    key = house.keys.all()[0]
    sent = cookies(lambda r: sessions.write(r, Session.begin(key), secure=False))
    for hours, lives in ((0, True), (1.99, True), (2.01, False), (-1, False)):
        moment[0] = now + hours * 3600
        assert (sessions.read(sent) is not None) == lives


def test_no_byte_of_a_cookie_may_be_another(house: Door) -> None:
    name, _, value = begun(house, house.keys.all()[0]).partition("=")
    assert house.sessions.read(f"{name}={value}")
    for at in range(len(value)):
        other = value[:at] + ("A" if value[at] not in "ABCD" else "a") + value[at + 1 :]
        assert house.sessions.read(f"{name}={other}") is None, at
    for sent in (f"{name}={value}; {name}={value}", f"{name}=", f"{name}={value}{'x' * 2000}"):
        assert house.sessions.read(sent) is None


def test_another_homes_cookie_is_worth_nothing(house: Door, tmp_path: Path) -> None:
    other = door(tmp_path / "other")
    name, _, value = begun(other, other.keys.all()[0]).partition("=")
    assert name != house.sessions.cookie_name
    assert house.sessions.read(f"{house.sessions.cookie_name}={value}") is None


def test_the_cookie_of_the_form_is_no_session(house: Door) -> None:
    name, _, value = begun(house, None).partition("=")
    assert house.sessions.visitor(f"{name}={value}")
    assert house.sessions.read(f"{name}={value}") is None
    assert house.sessions.read(f"{house.sessions.cookie_name}={value}") is None


def test_a_session_that_was_signed_out_stays_so_after_a_restart(house: Door) -> None:
    key = house.keys.all()[0]
    sent, other = begun(house, key), begun(house, key)
    found = house.sessions.read(sent)
    assert found is not None
    house.sessions.end(Response(), found[0], secure=False)
    assert house.sessions.read(sent) is None
    again = Sessions(house.home, house.keys, house.settings)
    assert again.read(sent) is None
    assert again.read(other)


def test_ended_sessions_are_forgotten_when_their_cookies_are_too_old(house: Door) -> None:
    moment = [1e9]
    sessions = Sessions(house.home, house.keys, house.settings, clock=lambda: moment[0])
    for _ in range(3):
        sessions.end(Response(), Session.begin(house.keys.all()[0]), secure=False)
    moment[0] += 13 * 3600
    sessions.end(Response(), Session.begin(house.keys.all()[0]), secure=False)
    assert len(json.loads((house.home.store / "gallery" / "ended.json").read_text())) == 1


@pytest.mark.parametrize("https", [True, False])
def test_what_a_cookie_says_to_the_browser(tmp_path: Path, https: bool) -> None:
    house = door(tmp_path, gallery_https=https)
    response = Response()
    house.sessions.write(response, Session.begin(house.keys.all()[0]), secure=False)
    said = response.headers["set-cookie"]
    words = {part.strip().lower() for part in said.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= words
    assert ("secure" in words) == https
    assert said.startswith("__Host-") == https
    assert "domain" not in said.lower()
