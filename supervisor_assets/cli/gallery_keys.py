"""`gallery keys`: who may sign in to the pages, and as what."""

from gallery.access.keys import Key, Keys
from gallery.access.roles import Role
from supervisor_assets.cli import say
from supervisor_assets.cli.edge import Usage
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

_COLUMNS = ("name", "role", "made")


def show(*, as_json: bool) -> None:
    """Lists who has a key; the keys themselves are kept nowhere."""
    told = [_told(key) for key in _keys().all()]
    if as_json:
        say.data_json(told)
    else:
        say.table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in told])


def add(name: str, role: str, *, as_json: bool) -> None:
    """Makes a key and prints it, this once."""
    try:
        chosen = Role.of(role)
    except ValueError:
        raise Usage(f"--role is one of {', '.join(map(str, Role))}.") from None
    given = _keys().add(name, chosen)
    if as_json:
        say.data_json({"name": name, "role": str(chosen), "key": given})
        return
    say.data(given)
    say.note("This is shown once: only its hash is kept.")


def remove(name: str, *, as_json: bool) -> None:
    """Takes a key away; whoever is signed in with it is signed out at once."""
    gone = _keys().remove(name)
    if as_json:
        say.data_json(_told(gone))
    else:
        say.note(f"{gone.name} can no longer sign in; open sessions have ended.")


def _keys() -> Keys:
    """The keys of the home, which must be there: a key in the wrong folder opens nothing."""
    home = Home(Settings.load().home.absolute())
    if not home.store.is_dir():
        raise Failed(Reason.NO_STORE)
    return Keys(home)


def _told(key: Key) -> dict[str, str]:
    return {"name": key.name, "role": str(key.role), "made": f"{key.made:%Y-%m-%dT%H:%M:%SZ}"}
