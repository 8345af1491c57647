"""A home for pictures and films that need no cleaning, with real files, hashes and decoders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from media_builders import write_video
from picture_builders import panned
from pipeline_parts import House

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.tools import Tools

PROFILE = "lib"


@dataclass
class Gallery(House):
    """Whatever comes in here may be read as it is, by its profile's word."""

    tools: Tools = field(default_factory=Tools)

    def __post_init__(self) -> None:
        super().__post_init__()
        folder = self.home.root / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / f"{PROFILE}.toml").write_text('mask = "none"\n')

    def place(self, name: str) -> Path:
        return self.home.inbox / name

    def take_in(self, *names: str, profile: str = PROFILE) -> IntakeKey:
        """Files that lie in the inbox come in together, up to where they may be read."""
        key = self.record(*map(self.see, names), profile=profile)
        self.pipeline.import_items(key)
        self.clean(key)
        return key

    def hang(self, *pictures: np.ndarray, suffix: str = "png") -> IntakeKey:
        """Pictures come in together."""
        names = [f"{self.clock().timestamp()}-{n}.{suffix}" for n in range(len(pictures))]
        for name, picture in zip(names, pictures, strict=True):
            cv2.imwrite(str(self.place(name)), picture)
        return self.take_in(*names)

    def show(self, pictures: Sequence[np.ndarray], rate: int = 10, name: str = "") -> IntakeKey:
        """A film comes in."""
        name = name or f"{self.clock().timestamp()}.mp4"
        write_video(self.place(name), pictures, rate=rate)
        return self.take_in(name)

    def media(self, key: IntakeKey) -> list[MediaKey]:
        return [one.media.media for one in self.pipeline.summary(key).items if one.media]

    def raw(self, key: IntakeKey, index: int = 0) -> Path:
        found = self.pipeline.summary(key).items[index].media
        assert found is not None
        return self.home.absolute(found.raw_path)


def film(seconds: float = 4.0, seed: int = 0) -> list[np.ndarray]:
    return panned(seconds, seed=seed)
