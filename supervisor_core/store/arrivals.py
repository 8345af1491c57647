"""What came in: intakes, their files, and what became of each.

The relative path of a file is in the restricted store only. It is written there first, so that no
arrival is ever without its name; a name without an arrival is harmless.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.inbox.plan import NewArrival, NewIntake
from supervisor_core.keys import DEFAULT_SOURCE, Fingerprint, IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival as State
from supervisor_core.states import check_step
from supervisor_core.store import names, objects
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, given, insert, keys, reason_of
from supervisor_core.store.store import Store

_INTAKE = {
    "intake": "VARCHAR",
    "source": "VARCHAR",
    "profile": "VARCHAR",
    "device": "VARCHAR",
    "kind": "VARCHAR",
    "first_seen": "TIMESTAMPTZ",
}
_ARRIVAL = {
    "intake": "VARCHAR",
    "ordinal": "INTEGER",
    "fingerprint": "VARCHAR",
    "state": "VARCHAR",
    "reason": "VARCHAR",
    "media": "VARCHAR",
    "size_bytes": "BIGINT",
    "mtime_ns": "BIGINT",
    "first_seen": "TIMESTAMPTZ",
    "updated": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Intake:
    """What came in together; `kind` is video, stills or recording."""

    intake: IntakeKey
    source: str
    profile: str
    kind: str
    device: str | None
    first_seen: datetime


@dataclass(frozen=True)
class Arrival:
    """One file that came in."""

    intake: IntakeKey
    ordinal: int
    fingerprint: Fingerprint
    state: State
    reason: Reason | None
    media: MediaKey | None
    size_bytes: int
    mtime_ns: int


def known_among(connection: Connection, fingerprints: Iterable[str]) -> set[Fingerprint]:
    """Which of these fingerprints were ever recorded."""
    return set(_holders(connection, fingerprints))


def known_arrivals(connection: Connection) -> dict[Fingerprint, State]:
    """Every fingerprint with its state; 100,000 of them take about 0.2 s."""
    found = connection.execute("SELECT fingerprint, state FROM arrival").fetchnumpy()
    states = {state.value: state for state in State}
    pairs = zip(found["fingerprint"].tolist(), found["state"].tolist(), strict=True)
    return {fingerprint: states[state] for fingerprint, state in pairs}


def record_arrivals(
    store: Store,
    intake: IntakeKey,
    source: str,
    profile: str,
    files: Sequence[NewArrival],
    *,
    kind: str = "video",
    device: str | None = None,
) -> frozenset[IntakeKey]:
    """Records one intake; see `record_intakes`."""
    new = NewIntake(key=intake, profile=profile, kind=kind, arrivals=tuple(files))
    return record_intakes(store, [new], source=source, device=device)


def add_intake(connection: Connection, intake: Intake) -> None:
    """Records an intake whose files come later; one that is known changes nothing."""
    if not _present(connection, [intake.intake]):
        insert(connection, "intake", _INTAKE, [vars(intake)])


def record_intakes(
    store: Store,
    intakes: Sequence[NewIntake],
    *,
    source: str = DEFAULT_SOURCE,
    device: str | None = None,
) -> frozenset[IntakeKey]:
    """Records intakes and their files in one transaction a store, and says which intakes hold them.

    Recording again changes nothing. A file that another intake already holds stays there, so that
    two who look at the inbox at once do not take it twice; an intake without a file of its own is
    not made.
    """
    if not intakes:
        return frozenset()
    paths: dict[str, str] = {
        file.fingerprint: file.path for new in intakes for file in new.arrivals
    }
    places = {
        file.fingerprint: file.place for new in intakes for file in new.arrivals if file.place
    }
    with store.restricted() as connection:
        names.remember(connection, paths)
        objects.remember(connection, places)
    with store.write() as connection:
        return record_into(connection, intakes, Common(source, device, store.now()))


@dataclass(frozen=True)
class Common:
    """What all intakes of one recording share."""

    source: str
    device: str | None
    first_seen: datetime


def record_into(
    connection: Connection, intakes: Sequence[NewIntake], common: Common
) -> frozenset[IntakeKey]:
    """Records intakes in the caller's transaction; their names must have been kept before."""
    holders = _holders(connection, [file.fingerprint for new in intakes for file in new.arrivals])
    present = _present(connection, {new.key for new in intakes})
    arrivals: list[dict[str, object]] = []
    headers: list[dict[str, object]] = []
    for new in intakes:
        rows = _new_rows(new, holders, common.first_seen)
        arrivals += rows
        if rows and new.key not in present:
            present.add(new.key)
            header = {"intake": new.key, "profile": new.profile, "kind": new.kind}
            headers.append(header | vars(common))
    insert(connection, "intake", _INTAKE, headers)
    insert(connection, "arrival", _ARRIVAL, arrivals)
    return frozenset(holders.values())


def _holders(connection: Connection, fingerprints: Iterable[str]) -> dict[Fingerprint, IntakeKey]:
    sql = f"SELECT fingerprint, intake FROM arrival JOIN {ROWS} USING (fingerprint)"  # noqa: S608
    found = connection.execute(sql, keys("fingerprint", fingerprints)).fetchall()
    return {Fingerprint(fingerprint): IntakeKey(intake) for fingerprint, intake in found}


def _present(connection: Connection, intakes: Iterable[str]) -> set[str]:
    sql = f"SELECT intake FROM intake JOIN {ROWS} USING (intake)"  # noqa: S608
    return {row[0] for row in connection.execute(sql, keys("intake", intakes)).fetchall()}


def _new_rows(
    new: NewIntake, holders: dict[Fingerprint, IntakeKey], now: datetime
) -> list[dict[str, object]]:
    """The arrivals that nobody holds yet; enters them into `holders`."""
    rows: list[dict[str, object]] = []
    for ordinal, file in enumerate(new.arrivals):
        if file.fingerprint in holders:
            continue
        holders[file.fingerprint] = new.key
        rows.append(
            {
                "intake": new.key,
                "ordinal": ordinal,
                "fingerprint": file.fingerprint,
                "state": State.SEEN,
                "reason": None,
                "media": None,
                "size_bytes": file.size_bytes,
                "mtime_ns": file.mtime_ns,
                "first_seen": now,
                "updated": now,
            }
        )
    return rows


def find_intake(connection: Connection, intake: str) -> Intake | None:
    """The intake with this key, if there is one."""
    rows = fetch(connection, "SELECT * FROM intake WHERE intake = ?", [intake])
    return Intake(**rows[0]) if rows else None  # type: ignore[arg-type]


def arrivals_of(connection: Connection, intake: str) -> list[Arrival]:
    """The files of an intake in their order."""
    rows = fetch(
        connection,
        "SELECT intake, ordinal, fingerprint, state, reason, media, size_bytes, mtime_ns"
        " FROM arrival WHERE intake = ? ORDER BY ordinal",
        [intake],
    )
    return [_arrival(row) for row in rows]


def _arrival(row: dict[str, object]) -> Arrival:
    typed = {"state": State(str(row["state"])), "reason": reason_of(row["reason"])}
    return Arrival(**row | typed)  # type: ignore[arg-type]


def save(connection: Connection, before: Arrival, after: Arrival, now: datetime) -> None:
    """Writes one arrival; see `save_all`."""
    save_all(connection, [(before, after)], now)


def save_all(
    connection: Connection, changes: Sequence[tuple[Arrival, Arrival]], now: datetime
) -> None:
    """Writes state, reason and media of arrivals; raises for a step that isn't in the table."""
    for before, after in changes:
        check_step(before.state, after.state)
    shape = {name: _ARRIVAL[name] for name in ("intake", "ordinal", "state", "reason", "media")}
    if changes:
        connection.execute(
            f"MERGE INTO arrival USING {ROWS} AS given USING (intake, ordinal)"
            " WHEN MATCHED THEN UPDATE SET state = given.state, reason = given.reason,"
            " media = given.media, updated = ?",
            [*given(shape, [vars(after) for _, after in changes]), now],
        )
