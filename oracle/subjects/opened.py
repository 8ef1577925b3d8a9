"""What a user asks to be judged, once it is open: its layers, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from oracle.subjects import Subject
from oracle.subjects.mapping import Map
from oracle.worker.limits import Limits


class TargetError(ValueError):
    """A target that cannot be opened; the message says why, and what can be done."""


@dataclass
class Target:
    """subjects   what can be judged
    missing    (spec, functions) that the file has as an unfilled template
    problems   what looks like a layer and cannot be judged, and why
    unjudged   (spec, functions, reason) that cannot be judged at all
    bindings   what each function or class was taken for, and how it is called
    """

    name: str
    convention: str
    isolation: str
    subjects: list[Subject] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unjudged: list[tuple[str, str, str]] = field(default_factory=list)
    bindings: list[str] = field(default_factory=list)
    _close: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """End every process that runs the target's code."""
        while self._close:
            self._close.pop()()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class Asked:
    """What the user wants of a target, and says of it.

    end    the moment of time.monotonic at which the budget ends
    names  classes and arguments that were found: --map may speak of these alone
    """

    wanted: Sequence[str]
    convention: str
    limits: Limits
    told: Map
    end: float = float("inf")
    names: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
