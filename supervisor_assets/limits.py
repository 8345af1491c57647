"""What a step may take, declared on the step so that the run view shows it.

The numbers are the settings' defaults; SUPERVISOR_<name> changes what holds. A step's budget is the
sum over its items, and each item's own limit is enforced by ending the child that works on it.
"""

from supervisor_core.settings import Settings

TIMEOUT_TAG = "supervisor/timeout_s"
RATE_TAG = "supervisor/timeout_s_per_media_s"
SETTING_TAG = "supervisor/timeout_setting"


def limit_tags(base: str, rate: str | None = None) -> dict[str, str]:
    """The tags for a limit of `base` seconds an item, plus `rate` for each second of media."""
    tags = {TIMEOUT_TAG: _default(base), SETTING_TAG: f"SUPERVISOR_{base.upper()}"}
    return tags | ({RATE_TAG: _default(rate)} if rate else {})


def _default(setting: str) -> str:
    return f"{Settings.model_fields[setting].default:g}"
