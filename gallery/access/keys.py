"""The keys of persons: who has one, and with which role.

A key is 256 random bits, so its plain SHA-256 is as good as a slow hash: nobody can guess the one
from the other. Only the hash is kept, with the secret that signs sessions, in a file of its owner.
"""

import re
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
)

from gallery.access.owned import Mark, OwnedFile, unusable
from gallery.access.roles import Role
from supervisor_core.clock import Clock, utc_now
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
FIRST = "admin"
_LONGEST = 200
_PREFIX = "gk_"


class Key(BaseModel):
    """A person's key, by its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    name: str = Field(pattern=rf"^{NAME.pattern}$")
    role: Role
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    made: datetime

    @field_validator("role", mode="before")
    @classmethod
    def _role(cls, word: object) -> object:
        return Role.of(word) if isinstance(word, str) else word

    @field_serializer("role")
    def _word(self, role: Role) -> str:
        return str(role)


class Keyring(BaseModel):
    """What the file holds: the secret of sessions and all keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str = Field(pattern=r"^[0-9a-f]{64}$")
    keys: tuple[Key, ...] = ()


class Keys:
    """The keys of one home, read anew whenever their file changes."""

    def __init__(self, home: Home, clock: Clock = utc_now) -> None:
        self.file = OwnedFile(home.store / "gallery" / "keys.json")
        self.first = OwnedFile(home.root / "gallery.key")
        self._clock = clock
        self._lock = threading.Lock()
        self._read: tuple[Mark | None, Keyring | None] = None, None

    def begin(self) -> bool:
        """Makes the first key, of an admin, unless there is a file of keys; says whether it did.

        The key itself goes to `gallery.key` in the home, which may be deleted once it is known.
        """
        with self.file.held():
            if self.file.read() is not None:
                return False
            given = _new_key()
            self.first.write(given.encode() + b"\n")
            self._write(_new_ring(), [self._made(FIRST, Role.ADMIN, given)])
        return True

    def add(self, name: str, role: Role) -> str:
        """Makes a key for somebody and returns it: it is kept nowhere.

        Raises `Failed`: KEY_NAME_REFUSED, GALLERY_KEYS_UNUSABLE.
        """
        if not NAME.fullmatch(name):
            raise Failed(Reason.KEY_NAME_REFUSED, name="not_usable")
        given = _new_key()
        with self.file.held():
            ring = self._ring_or_new()
            if any(key.name.lower() == name.lower() for key in ring.keys):
                raise Failed(Reason.KEY_NAME_REFUSED, name="taken")
            self._write(ring, [*ring.keys, self._made(name, role, given)])
        return given

    def remove(self, name: str) -> Key:
        """Takes a person's key away, and so ends all its sessions.

        Raises `Failed`: KEY_NOT_KNOWN when nobody has this name.
        """
        with self.file.held():
            ring = self._ring_or_new()
            gone = next((key for key in ring.keys if key.name.lower() == name.lower()), None)
            if gone is None:
                raise Failed(Reason.KEY_NOT_KNOWN)
            self._write(ring, [key for key in ring.keys if key is not gone])
        return gone

    def all(self) -> Sequence[Key]:
        """Every key, in the order in which they were made."""
        ring = self._ring()
        return ring.keys if ring else ()

    def of(self, given: str) -> Key | None:
        """Whose key this is. Each is compared, in constant time, also after one that fits."""
        if len(given) > _LONGEST:
            return None
        looked_for = _hash(given)
        found = [key for key in self.all() if compare_digest(key.hash, looked_for)]
        return found[0] if found else None

    def by_id(self, key_id: str) -> Key | None:
        """The key of this id, if it is still there."""
        return next((key for key in self.all() if key.id == key_id), None)

    @property
    def secret(self) -> bytes:
        """What sessions are signed with; raises `Failed(GALLERY_KEYS_UNUSABLE)` without a file."""
        ring = self._ring()
        if ring is None:
            raise unusable("not_found")
        return bytes.fromhex(ring.secret)

    def _made(self, name: str, role: Role, given: str) -> Key:
        return Key(
            id=secrets.token_hex(8), name=name, role=role, hash=_hash(given), made=self._clock()
        )

    def _ring(self) -> Keyring | None:
        with self._lock:
            mark = self.file.mark()
            if mark != self._read[0]:
                self._read = None, None  # a file that can't be read lets nobody in
                self._read = mark, _parsed(self.file.read())
            return self._read[1]

    def _ring_or_new(self) -> Keyring:
        return _parsed(self.file.read()) or _new_ring()

    def _write(self, ring: Keyring, keys: Sequence[Key]) -> None:
        changed = ring.model_copy(update={"keys": tuple(keys)})
        self.file.write(changed.model_dump_json(indent=1).encode())


def _parsed(content: bytes | None) -> Keyring | None:
    if content is None:
        return None
    try:
        return Keyring.model_validate_json(content)
    except ValidationError:
        raise unusable("damaged") from None


def _new_ring() -> Keyring:
    return Keyring(secret=secrets.token_hex(32))


def _new_key() -> str:
    return _PREFIX + secrets.token_urlsafe(32)


def _hash(given: str) -> str:
    return sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
