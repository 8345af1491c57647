"""The prompt a picture was generated from, out of its metadata; no pixel is decoded.

A file that holds none, or a broken one, is no error: what could be read comes with the reason why
there is no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.enrichment import automatic1111, comfyui, fooocus, invokeai, novelai
from supervisor_core.enrichment.prompt import Flaw, Prompt
from supervisor_core.enrichment.texts import Texts, texts_of
from supervisor_core.reasons import Failed, Reason

# Those that name themselves come before those that are told by their form alone.
_PARSERS: tuple[Callable[[Mapping[str, str]], Prompt | None], ...] = (
    invokeai.parse,
    fooocus.parse,
    novelai.parse,
    automatic1111.parse,
    comfyui.parse,
)
_MEANT_FOR_US = frozenset(
    ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream")
)


@dataclass(frozen=True)
class PromptReading:
    """A prompt, or none; `reason` tells why it is missing or may be incomplete.

    Neither a prompt nor a reason: the picture does not say that it was generated.
    """

    prompt: Prompt | None
    reason: Flaw | Reason | None = None


def read_prompt(path: Path) -> PromptReading:
    """Reads the prompt of a PNG, JPEG or WebP; a bad file gives a reason, never an exception."""
    try:
        return prompt_in(texts_of(path))
    except Failed as failed:
        return PromptReading(None, failed.reason)


def prompt_in(texts: Texts) -> PromptReading:
    """The prompt in texts that were read before: `prompts rebuild` needs no file."""
    prompt = next(filter(None, (parse(texts) for parse in _PARSERS)), None)
    if prompt is None:
        unread = not _MEANT_FOR_US.isdisjoint(texts)
        return PromptReading(None, Flaw.NOT_UNDERSTOOD if unread else texts.flaw)
    without = Flaw.NO_TEXT if not (prompt.positive or prompt.negative) else None
    return PromptReading(prompt, texts.flaw or without)
