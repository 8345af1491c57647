"""What a model server's refusal means: by its status, and where that says too little by its text.

The text is only compared with known ones and goes no further: it may repeat what was sent.
"""

from supervisor_core.reasons import Failed, Reason

_STATUS = {
    404: Reason.MODEL_MISSING,
    408: Reason.TIMEOUT,
    429: Reason.MODEL_BUSY,
    502: Reason.OLLAMA_DOWN,  # a proxy that does not reach it
    503: Reason.MODEL_BUSY,
    504: Reason.OLLAMA_DOWN,
}

# As Ollama's runners say it, newer and older ones; a model without eyes can't read it either.
_UNREADABLE = (
    "unknown format",
    "invalid image",
    "illegal base64",
    "failed to decode image",
    "failed to load image",
    "missing data required for image",
)
_BUSY = "server busy"


def refusal(status: int, text: object, *, pictures: int) -> Failed:
    """The failure that a refusal stands for; status -1 is an error in the midst of a stream."""
    words = str(text)[:2000].lower()
    reason = _STATUS.get(status)
    if pictures and any(known in words for known in _UNREADABLE):
        reason = Reason.INVALID_IMAGE
    elif status == 404 and "not found" not in words.replace("page not found", ""):
        reason = Reason.NOT_AN_ANSWER
    elif _BUSY in words:
        reason = Reason.MODEL_BUSY
    if reason is None:
        reason = Reason.MODEL_ERROR if status < 0 or status >= 500 else Reason.HTTP_ERROR
    return Failed(reason) if status < 0 else Failed(reason, status=status)
