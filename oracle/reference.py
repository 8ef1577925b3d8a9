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
from oracle.subjects import Answer, Call, flat
from oracle.torch_process import ask


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
    own = ask(call)
    for failure in own.failures.values():
        raise ReferenceError(f"torch has no {call.spec} of its own in {call.half}: {failure.message.splitlines()[0]}")
    try:
        return half.bounds(case, expected, own.tensors)
    except half.NotInHalf as error:
        raise ReferenceError(str(error)) from None


def own_answer(call: Call) -> Answer:
    """What torch gives in the call's own dtype. It can crash there: see oracle.torch_process."""
    from oracle.subjects.torch_module import TorchModule

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TorchModule(call.spec, twin_class(call.spec)).run(call)


def run_twin(call: Call) -> dict[str, np.ndarray]:
    """Outputs, gradients of inputs and parameters, and buffers after the step, by name."""
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _run(call)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            said = str(error).splitlines() or [type(error).__name__]
            raise ReferenceError(f"torch refuses {call.spec}: {said[0]}") from error


def _run(call: Call) -> dict[str, np.ndarray]:
    floats = (array.dtype.name for array in call.inputs.values() if array.dtype.kind == "f")
    dtype = call.half or next(floats, "float64")
    spec = find_spec(call.spec)
    settings, of_forward = spec.split(spec.twin_settings(call.settings, dtype))
    arrays = {name: _tensor(array) for name, array in call.constructor().items() if isinstance(array, np.ndarray)}
    key = tuple((name, write(value)) for name, value in settings.items())
    module = _twin(call.spec, key, _Hidden({**settings, **arrays}))
    module.train(call.training)
    parameters = dict(module.named_parameters())
    for name, parameter in parameters.items():
        parameter.data = _tensor(call.parameters[name])
        parameter.grad = None
    for name, buffer in module.named_buffers():
        if name in call.buffers:
            buffer.data = _tensor(call.buffers[name])
    inputs = {name: _tensor(array) for name, array in call.inputs.items()}
    for tensor in inputs.values():
        tensor.requires_grad_(tensor.is_floating_point())
    positional, named_arguments = spec.arguments(inputs, of_forward)
    outputs = tuple(out for out in flat(module(*positional, **named_arguments)) if out is not None)
    pairs = [(out, _tensor(dout)) for out, dout in zip(outputs, call.upstream.values(), strict=True)]
    learned = [pair for pair in pairs if pair[0].is_floating_point()]  # no index, none of an optimizer
    torch.autograd.backward([out for out, _ in learned], [dout for _, dout in learned])

    named: dict[str, torch.Tensor | None] = {name[1:]: out for name, out in zip(call.upstream, outputs, strict=True)}
    named |= {f"d{name}": tensor.grad for name, tensor in inputs.items() if tensor.is_floating_point()}
    named |= {f"d{name}": parameter.grad for name, parameter in parameters.items()}
    named |= {name: buffer for name, buffer in module.named_buffers() if name in call.buffers}
    return {name: tensor.detach().numpy() for name, tensor in named.items() if tensor is not None}


class _Hidden:
    """A companion of a cache key that does not take part in it."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _twin(spec: str, key: tuple, settings: _Hidden) -> torch.nn.Module:
    """The module, kept because a layer's settings come back with other dtypes, styles and seeds."""
    return twin_class(spec)(**settings.value).double()


def twin_class(spec: str) -> type[torch.nn.Module]:
    declared = find_spec(spec).twin
    return declared(torch) if declared else getattr(torch.nn, spec)


def _tensor(array: np.ndarray) -> torch.Tensor:
    dtype = np.float64 if array.dtype.kind == "f" else array.dtype
    return torch.from_numpy(np.array(array, dtype, order="C"))


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
