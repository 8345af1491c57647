"""What the libraries that parse media raise on damaged input, turned into one reason."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from av import FFmpegError
from PIL.Image import DecompressionBombError
from PIL.ImageCms import PyCMSError
from pydicom.errors import BytesLengthException, InvalidDicomError

from supervisor_core.reasons import Failed, Reason

# Their debug lines and warnings quote tag values and text chunks, which may name a patient.
for _library in ("PIL", "pydicom"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

_PARSER_ERRORS = (
    FFmpegError,
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    OSError,
    PyCMSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def damaged(reason: Reason, **facts: int | float | str) -> Iterator[None]:
    """Turns any parser's complaint into `Failed(reason)`; an error of the disk passes unchanged.

    Only calls into a parsing library may stand inside, since a mistake of ours would be taken for
    a damaged file. The libraries' warnings are silenced, since they quote the file's content.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Failed:
        raise
    except DecompressionBombError:
        raise Failed(Reason.PICTURE_TOO_LARGE) from None
    except _PARSER_ERRORS as error:
        # A parser's own OSError has no errno; FFmpeg's errors carry one without meaning the disk.
        if isinstance(error, OSError) and error.errno and not isinstance(error, FFmpegError):
            raise
        raise Failed(reason, error=type(error).__name__, **facts) from None
