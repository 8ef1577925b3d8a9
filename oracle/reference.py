"""Reference: the torch twin with the case's weights, forward and backward in float64, contiguous, on one thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from oracle import half
from oracle.bounds import difference
from oracle.cases import Case, write
from oracle.layers import find_spec
from oracle.subjects import Call, flat
from oracle.torch_process import TorchFailed, ask


class ReferenceError(RuntimeError):
    """torch itself refuses the case: the fault is the case's, not the subject's."""


@dataclass(frozen=True)
class Expected:
    """What torch computes, and the bound of every element; both by tensor name, in float64."""

    tensors: Mapping[str, np.ndarray]
    bounds: Mapping[str, np.ndarray]


def reference(case: Case, call: Call) -> Expected:
    """`call` in torch. Where the case's integers make every order of operations exact the bound is 0.

    Raises ReferenceError where torch refuses the case.
    """
    expected = run_twin(call)
    if call.half:
        bounds = _bounds_in_half(case, call, expected)
    elif case.exact:
        bounds = {name: np.zeros(array.shape) for name, array in expected.items()}
    else:
        bounds = difference(case.spec.bound, case, in_float64(call), expected, run_twin)
    return Expected(expected, bounds)


def _bounds_in_half(case: Case, call: Call, expected: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """By the better of torch's own two answers: with oneDNN it crashes on some shapes, and is wrong on others."""
    answers, failed = [], ""
    for onednn in (True, False):
        try:
            answers.append(ask(call, onednn))
        except TorchFailed as error:
            failed = str(error)
    if not answers:
        raise half.NotInHalf(f"torch has no {call.spec} in {call.half}: {failed}")
    return half.bounds(case, expected, answers)


def run_twin(call: Call, dtype: torch.dtype = torch.float64) -> dict[str, np.ndarray]:
    """Outputs, gradients of inputs and parameters, and buffers after the step, by name. In another dtype than float64
    torch can crash: see oracle.torch_process."""
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _run(call, dtype)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            said = str(error).splitlines() or [type(error).__name__]
            raise ReferenceError(f"torch refuses {call.spec}: {said[0]}") from error


def _run(call: Call, dtype: torch.dtype) -> dict[str, np.ndarray]:
    floats = (array.dtype.name for array in call.inputs.values() if array.dtype.kind == "f")
    spec = find_spec(call.spec)
    settings, of_forward = spec.split(spec.twin_settings(call.settings, call.half or next(floats, "float64")))
    given = call.constructor()
    arrays = {name: _tensor(value, dtype) for name, value in given.items() if isinstance(value, np.ndarray)}
    key = tuple((name, write(value)) for name, value in settings.items())
    module = _twin(call.spec, key, dtype, _Hidden({**settings, **arrays}))
    module.train(call.training)
    parameters = dict(module.named_parameters())
    for name, parameter in parameters.items():
        parameter.data = _tensor(call.parameters[name], dtype)
        parameter.grad = None
    for name, buffer in module.named_buffers():
        if name in call.buffers:
            buffer.data = _tensor(call.buffers[name], dtype)
    inputs = {name: _tensor(array, dtype) for name, array in call.inputs.items()}
    for tensor in inputs.values():
        tensor.requires_grad_(tensor.is_floating_point())
    positional, named_arguments = spec.arguments(inputs, of_forward)
    outputs = tuple(out for out in flat(module(*positional, **named_arguments)) if out is not None)
    pairs = [(out, _tensor(dout, dtype)) for out, dout in zip(outputs, call.upstream.values(), strict=True)]
    learned = [pair for pair in pairs if pair[0].is_floating_point()]  # no index, none of an optimizer
    torch.autograd.backward([out for out, _ in learned], [dout for _, dout in learned])

    named: dict[str, torch.Tensor | None] = {name[1:]: out for name, out in zip(call.upstream, outputs, strict=True)}
    named |= {f"d{name}": tensor.grad for name, tensor in inputs.items() if tensor.is_floating_point()}
    named |= {f"d{name}": parameter.grad for name, parameter in parameters.items()}
    named |= {name: buffer for name, buffer in module.named_buffers() if name in call.buffers}
    return {name: _array(tensor) for name, tensor in named.items() if tensor is not None}


class _Hidden:
    """A companion of a cache key that does not take part in it."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _twin(spec: str, key: tuple, dtype: torch.dtype, settings: _Hidden) -> torch.nn.Module:
    """The module, kept because a layer's settings come back with other dtypes, styles and seeds."""
    declared = find_spec(spec).twin
    cls = declared(torch) if declared else getattr(torch.nn, spec)
    return cls(**settings.value).to(dtype)


def _tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array, np.float64 if array.dtype.kind == "f" else array.dtype, order="C"))
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _array(tensor: torch.Tensor) -> np.ndarray:
    """In float64 where it holds fractions."""
    tensor = tensor.detach()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def in_float64(call: Call) -> Call:
    def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: np.array(array, np.float64 if array.dtype.kind == "f" else array.dtype, order="C")
            for name, array in arrays.items()
        }

    return Call(call.spec, call.settings, convert(call.inputs), convert(call.parameters), convert(call.buffers),
                convert(call.upstream), call.training)  # fmt: skip


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread inside, the caller's number of threads after: sums then have one order."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
