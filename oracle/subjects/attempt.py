"""One forward and one backward, whatever the code under test does: an exception becomes a Failure, an answer that is
not an array is converted or refused by one policy, an argument that was changed is named. NumPy only: the worker runs
this too.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call, Failure, changed

Named = Mapping[str, Any]
Locate = Callable[[str], str | None]  # a file's path -> its name for the reader, None where it is not the subject's

_NUMBERS = "biufc"


def attempt(
    call: Call,
    forward: Callable[[Call], Named],
    backward: Callable[[Call], Named] | None,
    locate: Locate | None = None,
    after_forward: Callable[[Answer], None] | None = None,
) -> Answer:
    """Run `forward`, then `backward`, on copies of the call's arrays. Both give tensors by name, None for what the
    subject does not compute. `backward` is None for a subject without one. `after_forward` sees what there is before
    the backward starts, which may never end."""
    given = call.copy()
    answer = Answer()
    for phase, step in (("forward", forward), ("backward", backward)):
        if step is None:
            continue
        try:
            for name, value in step(given).items():
                if value is not None:
                    answer.tensors[name], note = as_array(name, value)
                    answer.notes += (note,) if note else ()
        except BaseException as error:  # SystemExit too: sys.exit() of the code under test is its answer
            if locate is None and isinstance(error, KeyboardInterrupt):
                raise  # in this process it is the user's
            answer.failures[phase] = failure(error, locate or _outside)
            break
        if phase == "forward" and after_forward is not None:
            after_forward(answer)
    answer.modified = changed(call.arrays(), given.arrays())
    return answer


def as_array(name: str, value: Any) -> tuple[np.ndarray, str]:
    """(a plain array of its own memory, what was converted). Raises TypeError for what is no array of numbers.

    Subclasses of ndarray can make comparisons say what they like, so none gets through.
    """
    note = ""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, a plain array was expected: masked elements have no value")
    if isinstance(value, list | tuple):
        note = f"{name} is a {type(value).__name__}, taken as an array"
    elif isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        note = f"{name} is a {type(value).__name__}, taken as a plain array"
    elif not isinstance(value, np.ndarray | np.generic | bool | int | float | complex):
        raise TypeError(f"{name} is a {type(value).__name__}, an array was expected")
    try:
        array = np.array(value, order="C", subok=False)
    except (ValueError, TypeError, OverflowError):
        raise TypeError(f"{name} is a {type(value).__name__} that makes no array of numbers") from None
    if array.dtype.kind not in _NUMBERS:
        raise TypeError(f"{name} has dtype {array.dtype}, numbers were expected")
    return array, note


def failure(error: BaseException, locate: Locate) -> Failure:
    """What a person needs of an exception: its type, its words, and the subject's own line that it came from."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, MemoryError):
        kind, message = "memory", message or "needed more memory than there was"
    if isinstance(error, SystemExit):
        kind, message = "ended", f"the code under test ended the program: sys.exit({error.code!r})"
    place = _last_line(error, locate)
    if place is None:
        return Failure(kind, message)
    path, name, line = place
    return Failure(kind, message, f"{name}, line {line}", linecache.getline(path, line).strip())


def _last_line(error: BaseException, locate: Locate) -> tuple[str, str, int] | None:
    """(path, name, line) of the innermost frame that is the subject's own."""
    found = None
    if isinstance(error, SyntaxError) and error.filename and (name := locate(error.filename)):
        return error.filename, name, error.lineno or 1
    trace = error.__traceback__
    while trace is not None:
        frame: FrameType = trace.tb_frame
        path = frame.f_code.co_filename
        if name := locate(path):
            found = path, name, trace.tb_lineno
        trace = trace.tb_next
    return found


_OURS = str(Path(__file__).resolve().parent.parent)


def _outside(path: str) -> str | None:
    """In this process the subject is everything but the oracle itself and installed packages."""
    inside = path.startswith((_OURS, "<")) or "site-packages" in path or "dist-packages" in path
    return None if inside else Path(path).name
