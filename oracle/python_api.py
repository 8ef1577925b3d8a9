"""The oracle from Python: for a test of one's own layer, in one's own test suite.

    oracle.assert_matches(MyConv2d, torch.nn.Conv2d)

    @oracle.parametrize(MyConv2d, like="Conv2d")
    def test_my_conv(check):
        check()

The layer is trusted and runs in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from oracle.accuracy import settle
from oracle.cases import Case, parse
from oracle.checking import investigated, takes
from oracle.conditions import condition
from oracle.formats import FORMATS, HALVES
from oracle.judge import Judgement, judge, judge_case
from oracle.layers import SPECS, find_spec
from oracle.reports.failure import story
from oracle.reports.text import told
from oracle.selection import DEFAULT_COUNT, default_cases
from oracle.subjects import Subject
from oracle.subjects.torch_module import TorchModule
from oracle.subjects.torch_optimizer import TorchOptimizer


def assert_matches(
    layer: Callable[..., Any],
    like: str | type,
    *,
    args: Mapping[str, str | None] | None = None,
    params: Mapping[str, str] | None = None,
    cases: int = DEFAULT_COUNT,
    case: str | None = None,
    seed: int = 0,
    dtype: str | None = None,
    known_failures: Mapping[str, str] | None = None,
) -> None:
    """Judge `layer` against the torch.nn layer `like` with the same weights: outputs, input and parameter gradients.

    layer           a torch.nn.Module or scratchnet.nn.Module class, or a function that makes one
    like            the torch.nn class, or its name
    args            torch's constructor argument -> the layer's own name for it; None: the layer does not take it
    params          torch's parameter name -> the layer's own ({"weight": "kernel"})
    cases           how many cases are tried; `case` replays the one with that id
    dtype           of all cases: "float64", "float32", "float16" or "bfloat16"; without it the first two take turns
    known_failures  condition -> reason: cases that are not tried, in the words of a report ({"padding = same": "todo"})

    Raises AssertionError with the full story where a tensor is wrong: the tensors, when they are wrong, the mistake
    where it is known, the smallest case and how to replay it. Raises ValueError or TypeError for arguments that do not
    make sense.
    """
    subject = subject_of(layer, like, args, params)
    chosen = [_replayed(subject, case)] if case is not None else _cases(subject, cases, seed, dtype)
    excluded = _known(chosen, known_failures)
    tried = [each for each in chosen if each.id not in excluded]
    if not tried:
        raise ValueError("known_failures leave no case to be tried")
    judgement = judge(subject, tried)
    if judgement.verdict == "right":
        return
    report = investigated(judgement, seed)
    if report["verdict"] == "right":  # a lower precision, or another algorithm, explains what is off
        return
    replay = f'oracle.assert_matches({subject.implements}, "{subject.spec}", case="{report["smallest_case"]}")'
    raise AssertionError(told(report, replay))


def parametrize(
    layer: Callable[..., Any],
    like: str | type,
    *,
    args: Mapping[str, str | None] | None = None,
    params: Mapping[str, str] | None = None,
    cases: int = DEFAULT_COUNT,
    seed: int = 0,
    dtype: str | None = None,
    known_failures: Mapping[str, str] | None = None,
) -> Callable[[Callable], Callable]:
    """A decorator that makes one pytest item of each case; the test gets `check`, which judges the case when called.

    Arguments as in `assert_matches`; cases that meet a condition in `known_failures` are expected to fail (xfail).
    """
    import pytest

    subject = subject_of(layer, like, args, params)
    chosen = _cases(subject, cases, seed, dtype)
    reasons = _known(chosen, known_failures)
    marks = {id: pytest.mark.xfail(reason=reason, strict=False) for id, reason in reasons.items()}
    return pytest.mark.parametrize(
        "check",
        [pytest.param(_Check(subject, each), id=each.id, marks=marks.get(each.id, ())) for each in chosen],
    )


class _Check:
    """One case; calling it judges it."""

    def __init__(self, subject: Subject, case: Case):
        self._subject, self.case = subject, case

    def __call__(self) -> None:
        __tracebackhide__ = True  # the story is the whole message
        [result] = settle(Judgement(self._subject, [judge_case(self._subject, self.case)], 0, 0.0)).results
        if result.failed or any(tensor.status != "ran" for tensor in result.tensors.values()):
            replay = f'oracle.assert_matches({self._subject.implements}, "{self._subject.spec}", case="{self.case.id}")'
            raise AssertionError(story(result, replay))

    def __repr__(self) -> str:
        return f"check({self.case.id})"


def check_relations(
    make: Callable[[], Any], shape: tuple[int, ...], *, linear: bool = False, seed: int = 0
) -> dict[str, str]:
    """The exact relations that a layer breaks, by name, for layers that torch does not have: see oracle.relations.

    make    a function without arguments that makes the layer (torch.nn.Module or scratchnet.nn.Module), new each time
    shape   of an input, with at least two images: (N, ...)
    linear  also the relations that hold of linear layers only (a convolution, not a ReLU)
    Inputs, parameters and upstream gradient are drawn as whole numbers, so that the order of sums cannot matter.
    Raises ValueError where the layer raises, or for a batch of one.
    """
    import numpy as np

    from oracle.relations import broken
    from oracle.subjects import Call
    from oracle.subjects.scratchnet import Scratchnet
    from scratchnet.nn import Module

    if len(shape) < 1 or shape[0] < 2:
        raise ValueError(f"shape {shape}: at least two images expected, (N, ...) with N >= 2")
    rng = np.random.default_rng(seed)

    def whole(size: tuple[int, ...]) -> np.ndarray:
        return rng.integers(-9, 10, size).astype(np.float64)

    layer = make()
    name = type(layer).__name__
    subject: Subject
    subject = Scratchnet(name, make) if isinstance(layer, Module) else TorchModule(name, make, name=name)
    parameters = {name: whole(tuple(parameter.shape)) for name, parameter in layer.named_parameters()}
    call = Call(name, {}, {"x": whole(shape)}, parameters, {}, {"dout": np.zeros(())})
    answer = subject.run(call)
    if "forward" in answer.failures:
        raise ValueError(f"{name} raises {answer.failures['forward'].kind}: {answer.failures['forward'].message}")
    return broken(subject, replace(call, upstream={"dout": whole(answer.tensors["out"].shape)}), linear)


def subject_of(layer: Callable[..., Any], like: str | type, args: Mapping[str, str | None] | None,
               params: Mapping[str, str] | None) -> Subject:  # fmt: skip
    """`layer` as a subject. Raises TypeError for what is no layer, ValueError for an unknown `like`."""
    from oracle.subjects.scratchnet import Scratchnet
    from scratchnet.nn import Module

    spec = find_spec(like if isinstance(like, str) else _torch_name(like)).name
    if not callable(layer) or isinstance(layer, Module | torch.nn.Module):
        raise TypeError(f"{layer!r} is no layer: a class or a function that makes one expected, not an object")
    factory: Callable[..., Any] = layer
    if isinstance(layer, type) and issubclass(layer, Module):
        return Scratchnet(spec, layer)
    if isinstance(layer, type) and issubclass(layer, torch.optim.Optimizer):
        return TorchOptimizer(spec, layer, args, params)
    return TorchModule(spec, factory, args, params)


def _torch_name(like: type) -> str:
    """The torch.nn layer that `like` is, or derives from."""
    return next((base.__name__ for base in getattr(like, "__mro__", ()) if base.__name__ in SPECS), str(like))


def _cases(subject: Subject, count: int, seed: int, dtype: str | None) -> list[Case]:
    if count < 1:
        raise ValueError(f"cases={count}: at least 1 expected")
    if dtype not in (None, *FORMATS):
        raise ValueError(f"dtype={dtype!r}: one of {', '.join(FORMATS)} expected")
    if dtype in HALVES and not isinstance(subject, TorchModule):
        raise ValueError(f"dtype={dtype!r}: for modules of torch only; scratchnet computes in float32 and float64")
    spec = find_spec(subject.spec)
    chosen, _ = default_cases(spec, lambda setting: takes(subject, setting), count, seed, dtype=dtype)
    if not chosen:
        why = subject.untaken or "see args="
        raise ValueError(f"{subject.implements} takes none of the settings of {subject.spec}: {why}")
    return chosen


def _replayed(subject: Subject, text: str) -> Case:
    case = parse(text)
    if case.spec.name != subject.spec:
        raise ValueError(f"the case is one of {case.spec.name}, not of {subject.spec}")
    return case


def _known(cases: list[Case], known_failures: Mapping[str, str] | None) -> dict[str, str]:
    """case id -> reason."""
    found: dict[str, str] = {}
    for text, reason in (known_failures or {}).items():
        holds = condition(text, cases)
        found |= {case.id: reason for case in cases if holds(case)}
    return found
