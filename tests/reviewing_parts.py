"""The pages over an item in each state, and what becomes of an item behind their back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gallery_states import C, Item, V, cleaned_bytes, furnished, sha
from queue_parts import Pages

from supervisor_core.pipeline import places
from supervisor_core.store import media as media_table
from supervisor_core.store import outputs

House = tuple[Pages, dict[str, Item]]


def opened(folder: Path) -> Iterator[House]:
    works, items = furnished(folder)
    pages = Pages.over(works)
    yield pages, items
    pages.close()


@pytest.fixture
def states(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


@pytest.fixture(scope="module")
def shared_states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all the tests of a module."""
    yield from opened(tmp_path_factory.mktemp("states"))


def sent_back(pages: Pages, item: Item) -> None:
    """The item waits to be cleaned again."""
    with pages.works.store.write() as connection:
        media = media_table.load(connection, [item.media.media])[item.media.media]
        media_table.save(connection, [media.sent_back()], pages.works.clock())


def clean_again(pages: Pages, item: Item, name: str = "again") -> str:
    """Another file stands for the item now; returns its hash."""
    sent_back(pages, item)
    content = cleaned_bytes(f"{name} {item.media.media}")
    path = places.cleaned(pages.works.home, sha(content), "png")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pages.works.store.write() as connection:
        media = media_table.load(connection, [item.media.media])[item.media.media]
        made = replace(
            item.outputs[0],
            level=C.FRAME_LEVEL,
            sha256=sha(content),
            path=pages.works.home.relative(path),
            current=True,
        )
        outputs.save(connection, [made])
        media = media.step(cleaning=C.RUNNING).step(cleaning=C.FRAME_LEVEL)
        media_table.save(connection, [media.step(verification=V.VERIFIED)], pages.works.clock())
    pages.publish()
    return sha(content)
