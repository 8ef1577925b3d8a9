"""Trial runs of one class, and how much of what they give is right."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from oracle.layers.spec import LayerSpec
from oracle.subjects import MOST_ENDLESS, Answer, Call, Failure
from oracle.subjects.binding import Binding
from oracle.subjects.file import Session
from oracle.subjects.places import Seen
from oracle.subjects.scratchnet import Scratchnet
from oracle.subjects.trial_calls import trial


class Unjudged(Exception):
    """A class that cannot be judged whatever is said of it: the budget ended, or it never ends."""


class Probe:
    """The trial runs of one class. They end with the budget, which raises Unjudged; nobody waits for a third that has
    to be stopped, and a backward that had to be is not run again."""

    def __init__(self, session: Session, end: float = np.inf):
        self._session, self._end = session, end  # a moment of time.monotonic
        self._stopped: list[Failure] = []
        self._forward_only = False

    def run(self, binding: Binding, call: Call) -> tuple[Answer, Seen]:
        if len(self._stopped) >= MOST_ENDLESS:
            return Answer(failures={"forward": self._stopped[-1]}), {}
        if time.monotonic() > self._end:
            raise Unjudged(f"the budget ended before it was known how to call {binding.implements}")
        plan = binding.plan_for(call)
        if self._forward_only:
            plan = replace(plan, backward=None)
        answer, seen = self._session.run(plan, binding.arrays_for(call), look=True, end=self._end)
        for phase, failure in answer.failures.items():
            if failure.kind == "unjudged":
                raise Unjudged(failure.message)
            if failure.endless:
                self._stopped.append(failure)
                if phase == "backward":  # nothing was seen then, not even of the forward
                    self._forward_only = True
                    return self.run(binding, call)
        return answer, seen


def score(spec: LayerSpec, binding: Binding, probe: Probe, **changes: Any) -> tuple[int, int]:
    """(tensors that are right, tensors of the right shape) of a trial run."""
    *_, alike, right = compared(spec, binding, trial(spec, binding=binding, **changes), probe)
    return len(right), len(alike)


def compared(spec: LayerSpec, binding: Binding, call: Call,
             probe: Probe) -> tuple[Collection[str], Collection[str], list[str], list[str]]:  # fmt: skip
    """(all tensors, those that came, those of the right shape, those that are right)."""
    answer, _ = probe.run(binding, call)
    expected, came = Scratchnet(spec.name).run(call).tensors, binding.answer_for(call, answer).tensors
    alike = [name for name in expected if name in came and came[name].shape == expected[name].shape]
    return expected.keys(), came.keys(), alike, [name for name in alike if is_near(came[name], expected[name])]


def is_right(binding: Binding, call: Call, probe: Probe) -> bool:
    answer, _ = probe.run(binding, call)
    expected, came = Scratchnet(binding.spec).run(call).tensors, binding.answer_for(call, answer).tensors
    return "out" in came and not answer.failures and all(
        array.shape == expected[name].shape and is_near(array, expected[name])
        for name, array in came.items() if name in expected
    )  # fmt: skip


def is_near(came: np.ndarray, expected: np.ndarray) -> bool:
    """Nearer than one rounding to float32 of the largest element: this chooses a layout, and judges nothing."""
    largest = np.abs(expected).max(initial=0)
    return bool((np.abs(came - expected) <= 2.0**-24 * largest).all())
