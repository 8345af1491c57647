"""The functions that do the real work, as values: a test may put its own in their place."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor_core.cleaning.job import CODE_VERSION, CleanReport, Job, Level, VerifyReport
from supervisor_core.cleaning.limits import clean_limit_s, verify_limit_s
from supervisor_core.libraries.visit import Order
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.policy import Profile
from supervisor_core.media.sprites import SpriteLayout, draw_sprite
from supervisor_core.pipeline import child, enrich_child
from supervisor_core.reasons import Failed
from supervisor_core.remote import sending
from supervisor_core.remote.upload_order import Measured, UploadOrder
from supervisor_core.settings import Settings

if TYPE_CHECKING:
    from supervisor_core.analysis.choosing import Chosen
    from supervisor_core.model.child import Request
    from supervisor_core.model.health import Health
    from supervisor_core.model.ollama import Answer, Vectors
    from supervisor_core.model.together import Asked, Reply, Sight, Terms


@dataclass(frozen=True)
class Tools:
    """What the child does, what it may take, and the version all outputs are bound to."""

    examine: Callable[[Path, str, Profile], child.Examined] = child.examine
    visit: Callable[[Sequence[Order]], list[child.Examined | Failed]] = child.visit_files
    copy: Callable[[Order], None] = child.copy_file
    clean: Callable[[Job], child.Made] = child.clean_file
    verify: Callable[[Job, CleanReport], VerifyReport] = child.verify_file
    draw: Callable[[Path, Path, int], None] = child.draw_thumbnail
    draw_sprite: Callable[[Path, Path, SpriteLayout], object] = draw_sprite
    clean_limit_s: Callable[[MediaInfo, Level, Settings], float] = clean_limit_s
    verify_limit_s: Callable[[MediaInfo, Settings], float] = verify_limit_s
    choose: Callable[[Path, Path, int, int], "Chosen"] = child.choose_frames
    ask: Callable[["Request"], "Answer"] = child.ask_model
    look: Callable[[str, str, Collection[str], float], "Health"] = child.look_at_model
    ask_together: Callable[["Terms", Sequence["Asked"]], "list[Reply]"] = enrich_child.ask_together
    embed: Callable[["Terms", Sequence[str]], "Vectors"] = enrich_child.embed_texts
    inspect: Callable[["Terms", Sequence["Sight"]], "list[Reply]"] = enrich_child.measure_sights
    compare: Callable[[bytes, bytes, int, float], list[tuple[int, int, float]]] = (
        enrich_child.compare_vectors
    )
    measure: Callable[[Path, int], Measured] = sending.measure
    send: Callable[[UploadOrder], tuple[str, ...]] = sending.send
    sleep: Callable[[float], None] = time.sleep
    code_version: str = CODE_VERSION
