"""A real daemon puts out what a person has released, and takes it away, while they look on."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from daemon import daemon, wait_for
from pipeline_parts import House
from release_parts import cleaned_bytes, media_of, outside, release, withdraw

from supervisor_core.clock import utc_now
from supervisor_core.deadline import Worker
from supervisor_core.pipeline.tools import Tools

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(300)]
SOON_S = 60.0  # a slow machine; on an idle one some 10 s


def test_a_file_comes_and_goes_by_a_persons_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_RESERVE_BYTES", "0")
    with Worker() as worker:  # really cleaned: else the daemon would clean it anew
        house = House(tmp_path, worker, Tools(), clock=utc_now)
        cv2.imwrite(str(house.home.inbox / "one.png"), np.full((120, 160, 3), 90, np.uint8))
        key = house.record(house.see("one.png"))
        house.pipeline.import_items(key)
        house.clean(key)
    (media,) = media_of(house, key)
    expected = cleaned_bytes(house, media)

    def lies() -> bool | None:
        return list(outside(house.home.released).values()) == expected or None

    def is_gone() -> bool | None:
        return outside(house.home.released) == {} or None

    with daemon(house.home):
        release(house, media)
        wait_for(lies, 240)  # the daemon starts meanwhile
        for look, act in ((is_gone, withdraw), (lies, release)):
            begun_s = time.monotonic()
            act(house, media)
            wait_for(look, SOON_S)
            print(f"{act.__name__}: {time.monotonic() - begun_s:.1f} s")
