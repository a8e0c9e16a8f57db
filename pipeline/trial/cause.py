"""What a trial raised, as data: of which kind it is, and in which words."""

from __future__ import annotations

import errno
import traceback

from dsn.errors import Diverged, InvalidInput
from pipeline.trial.outcome import ErrorKind, TrialError

_REFUSALS = (
    "DefaultCPUAllocator: ",
    "std::bad_alloc",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""In the RuntimeErrors with which PyTorch says that there is no memory."""


def cause_of(error: BaseException) -> TrialError:
    """Of a trial's failure. What the frames of its traceback still hold is let go.

    There may be no memory left to tell of it with otherwise; and the worker goes on to the next trial.
    """
    traceback.clear_frames(error.__traceback__)
    return TrialError(kind=_kind(error), message=_message(error), traceback="".join(traceback.format_exception(error)))


def _kind(error: BaseException) -> ErrorKind:
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, InvalidInput):
        return "invalid-data"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "exited"
    return "out-of-memory" if _is_out_of_memory(error) else "exception"


def _is_out_of_memory(error: BaseException) -> bool:
    """By whatever allocator: Python's and NumPy's raise MemoryError, the system's calls ENOMEM, PyTorch's its own."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):
        return any(words in str(error) for words in _REFUSALS)
    return isinstance(error, MemoryError)


def _message(error: BaseException) -> str:
    if isinstance(error, Diverged | InvalidInput):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
