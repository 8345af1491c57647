"""One page of a bucket's listing: complete objects only, uploads in progress are not in it."""

from dataclasses import dataclass
from typing import NamedTuple

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.s3 import Storage, nanoseconds, told

PAGE = 1000


class Listed(NamedTuple):
    """One object as a listing shows it."""

    key: str
    size_bytes: int
    etag: str
    modified_ns: int


@dataclass(frozen=True)
class Page:
    """At most 1000 objects in the order of their keys, and whether more follow."""

    objects: tuple[Listed, ...]
    more: bool


def list_page(storage: Storage, bucket: str, prefix: str, after: str) -> Page:
    """The objects behind the key `after`.

    One request, so one price. Raises `Failed` as `Storage` does, never gives a page that is empty
    because something failed.
    """
    which = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": PAGE}
    if after:
        which["StartAfter"] = after
    with told():
        answer = storage.client.list_objects_v2(**which)
    objects = tuple(
        Listed(one["Key"], int(one["Size"]), one["ETag"], nanoseconds(one["LastModified"]))
        for one in answer.get("Contents", ())
    )
    more = bool(answer["IsTruncated"])
    if more and not objects:
        raise Failed(Reason.STORAGE_UNREACHABLE, listing="cut short")
    return Page(objects, more)
