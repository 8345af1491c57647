"""The folders of one installation."""

from dataclasses import dataclass
from pathlib import Path

PRIVATE_FOLDERS = (
    "inbox",
    "raw",
    "refused",
    "aside",
    "recordings",
    "work",
    "trash",
    "store",
    "dagster",
    "logs",
)
PUBLIC_FOLDERS = ("cleaned", "thumbnails", "derivatives", "released")


@dataclass(frozen=True)
class Home:
    """The folders of one installation; names inside come from hashes, never from outside."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> "Home":
        """Makes the folders that are missing: owner-only, except what may be shown to others."""
        root = Path(root).absolute()
        root.mkdir(parents=True, exist_ok=True)
        for name in PRIVATE_FOLDERS:
            _make(root / name, 0o700)
        for name in PUBLIC_FOLDERS:
            _make(root / name, 0o755)
        return cls(root)

    def relative(self, path: Path) -> str:
        """A path as the store writes it: relative to the home, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def absolute(self, relative_path: str) -> Path:
        """The place of a path that the store holds."""
        return self.root / relative_path

    @property
    def inbox(self) -> Path:
        """Where files are dropped."""
        return self.root / "inbox"

    @property
    def raw(self) -> Path:
        """Imported files as they came, by content hash."""
        return self.root / "raw"

    @property
    def refused(self) -> Path:
        """Files that were not taken in, kept."""
        return self.root / "refused"

    @property
    def aside(self) -> Path:
        """Raw files that no level could clean."""
        return self.root / "aside"

    @property
    def cleaned(self) -> Path:
        """Cleaned and verified files, by their own hash."""
        return self.root / "cleaned"

    @property
    def thumbnails(self) -> Path:
        """Small pictures of cleaned files."""
        return self.root / "thumbnails"

    @property
    def derivatives(self) -> Path:
        """What enrichment made from cleaned files."""
        return self.root / "derivatives"

    @property
    def released(self) -> Path:
        """What a person let out."""
        return self.root / "released"

    @property
    def recordings(self) -> Path:
        """Recorded streams."""
        return self.root / "recordings"

    @property
    def work(self) -> Path:
        """Files that are being worked on."""
        return self.root / "work"

    @property
    def trash(self) -> Path:
        """Files that were replaced, until somebody empties it."""
        return self.root / "trash"

    @property
    def store(self) -> Path:
        """The databases and their locks."""
        return self.root / "store"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.root / "logs"


def _make(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)
