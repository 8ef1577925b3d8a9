"""Ctrl-C that waits for the end of an update: only there do weights, optimizer and generators belong together."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt(wanted: bool = True) -> Iterator[Callable[[], bool]]:
    """Inside this block Ctrl-C is noted, and the function that this gives says whether it came; a second Ctrl-C raises
    KeyboardInterrupt at once.

    Where Ctrl-C does not raise KeyboardInterrupt anyway (the program has a handler of its own, or this is not its main
    thread), or where this is not wanted, nothing changes.
    """
    default = signal.default_int_handler
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not wanted or not in_main_thread or signal.getsignal(signal.SIGINT) is not default:
        yield lambda: False
        return
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, default)
