"""The bucket that released files are put into."""

from dataclasses import dataclass

from supervisor_core.media.ref import S3Object
from supervisor_core.pipeline.release_names import NAME
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.destination import Destination, overlap
from supervisor_core.settings import Settings


@dataclass(frozen=True)
class ReleaseDestination(Destination):
    """A bucket and prefix whose keys are readable names of ours."""

    @classmethod
    def of(cls, settings: Settings) -> "ReleaseDestination | None":
        """The destination of an installation, if it has one.

        Raises `Failed(BAD_CONFIGURATION)` for what can't be a bucket, where a folder is set too,
        and where its keys would be among those that are taken in, or that copies have.
        """
        if not settings.release_bucket:
            return None
        found = cls(settings.release_bucket, settings.release_prefix)
        S3Object(found.bucket, found.prefix + "x" * 200)
        others = [
            (settings.s3_bucket, settings.s3_prefix),
            (settings.s3_write_bucket, settings.s3_write_prefix),
        ]
        if any(found.bucket == one and overlap(found.prefix, prefix) for one, prefix in others):
            raise Failed(Reason.BAD_CONFIGURATION, setting="release_prefix")
        if settings.release_folder is not None:
            raise Failed(Reason.BAD_CONFIGURATION, setting="release_folder")
        return found

    def is_ours(self, key: str) -> bool:
        """True for a key of a released file."""
        inside = key.startswith(self.prefix)
        return inside and NAME.fullmatch(key.removeprefix(self.prefix)) is not None
