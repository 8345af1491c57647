"""How long cleaning and verifying a media may take; light enough for who only waits for it."""

from supervisor_core.cleaning.job import Level
from supervisor_core.media.info import MediaInfo
from supervisor_core.settings import Settings

# A picture of this size (1280 x 720) costs the configured rate; a larger one costs more.
RATED_PIXELS = 1280 * 720
FRAMES_RATED_PER_S = 25


def clean_limit_s(info: MediaInfo, level: Level, settings: Settings) -> float:
    """The limit of `clean` in seconds: a base, and a rate for each second of media at 720p."""
    if level is Level.FRAME_LEVEL:
        return settings.frame_level_base_s + settings.frame_level_rate * _rated_seconds(info)
    return settings.roi_mask_base_s + settings.roi_mask_rate * _rated_seconds(info)


def verify_limit_s(info: MediaInfo, settings: Settings) -> float:
    """The limit of `verify` in seconds, made as that of `clean`."""
    return settings.verify_base_s + settings.verify_rate * _rated_seconds(info)


def _rated_seconds(info: MediaInfo) -> float:
    shown_s = max(info.seconds or 0.0, (info.frames or 1) / FRAMES_RATED_PER_S)
    return shown_s * max(1.0, info.width * info.height / RATED_PIXELS)
