"""What `doctor` says of the streams that are recorded by themselves."""

from pathlib import Path

from supervisor_assets.cli.findings import Finding, State, fine, warning
from supervisor_assets.cli.installation import existing_store
from supervisor_core.home import Home
from supervisor_core.media.policy import load_profile
from supervisor_core.reasons import Reason
from supervisor_core.sessions.beginning import streams_file
from supervisor_core.sessions.stuck import look, why_stuck
from supervisor_core.settings import Settings
from supervisor_core.states import Recording


def configured(settings: Settings) -> Finding:
    """streams.toml can be read, its profiles are there, and its addresses are nobody else's."""
    from supervisor_core.recording.streams import load_streams

    home = Home(settings.home.absolute())
    path = streams_file(home, settings)
    found = load_streams(path)
    for stream in found.values():
        load_profile(stream.profile, settings.profiles_folder or home.root / "profiles")
    if found and _is_open(path):
        fix = "Addresses may hold tokens. Run chmod 600 on the file of the streams."
        return warning("streams", f"{len(found)} configured; others may read the file", fix)
    return fine("streams", f"{len(found)} configured")


def recordings(settings: Settings) -> Finding:
    """Everything that is being recorded comes on."""
    if not (settings.home / "store" / "supervisor.duckdb").is_file():
        return fine("recordings", "none yet")
    store = existing_store(settings)
    found = look(store, store.home)
    stuck = [one for one in found if why_stuck(one, store.now())]
    running = sum(one.session.state is Recording.RUNNING for one in found)
    said = f"{running} under way, {len(found) - running} waiting, {len(stuck)} stuck"
    if stuck:
        fix = "A running daemon ends them and goes on; start it with: supervisor-assets up"
        return Finding("recordings", State.FAILED, said, fix, Reason.SEGMENT_STUCK)
    return fine("recordings", said)


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)
