"""Module: what every layer is. Parameters, gradients, sublayers and the matching of backward to forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchnet.checks import DTYPES

_keep = True  # whether forward keeps what backward needs; no_grad() turns it off


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside this block forward keeps nothing for backward, as `torch.no_grad()`: for evaluation."""
    global _keep
    before, _keep = _keep, False
    try:
        yield
    finally:
        _keep = before


_data: np.ndarray | None = None  # the input whose gradient nobody needs


@contextmanager
def no_input_grad(x: np.ndarray) -> Iterator[None]:
    """Inside this block x is data, whose gradient nobody needs: a forward in it lets the backward leave that out.

    A convolution or linear layer that reads x, or a view of it, then has 0 for its dx; all other gradients are as ever.
    For training: the dx of the first layer costs a sixth of an update of LeNet-5. In torch: x.requires_grad is False.
    """
    global _data
    before, _data = _data, x
    try:
        yield
    finally:
        _data = before


def needs_grad(x: np.ndarray) -> bool:
    """Whether the gradient of x, the input of a layer, is needed: see `no_input_grad`."""
    return _data is None or not np.may_share_memory(x, _data)


class Parameter:
    """An array that is learned, and its gradient. `grad` is None until a backward adds into it."""

    def __init__(self, data: np.ndarray):
        self.data = np.asarray(data)
        self.grad: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def add_grad(self, grad: np.ndarray) -> None:
        """`grad += ...`, as torch: a parameter that is used twice gets the sum of both gradients."""
        if grad.shape != self.data.shape or grad.dtype != self.data.dtype:
            raise ValueError(
                f"gradient of shape {grad.shape} and dtype {grad.dtype} for a parameter of shape {self.shape} "
                f"and dtype {self.dtype}: they must be the same"
            )
        if self.grad is None:
            self.grad = grad.copy()
        else:
            self.grad += grad

    def __repr__(self) -> str:
        return f"Parameter(shape={self.shape}, dtype={self.dtype})"


class Module:
    """Base of all layers, by torch.nn.Module's names.

    A layer writes `forward(*inputs)`, which keeps what its backward needs by `self.keep(...)`, and
    `backward(*douts)`, which takes it back by `self.kept()`, ADDS into its parameters' gradients and returns
    the gradient of the input: an array for one input, a tuple in input order for several, None for an input
    that has no gradient (integers).

    Calls are matched last in, first out: a module that is used twice in one network gets its second
    call's gradient first, which is the order in which back-propagation comes by.
    """

    def __init__(self) -> None:
        self.training = True
        self._kept: list[Any] = []
        self._buffers: list[str] = []

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self.forward(*inputs, **named)

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *douts: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    # What forward leaves for backward

    def keep(self, cache: Any) -> None:
        if _keep:
            self._kept.append(cache)

    def kept(self) -> Any:
        if not self._kept:
            raise RuntimeError(
                f"{type(self).__name__}.backward without a forward that it belongs to: call forward first, outside of "
                "no_grad(), and backward once for each forward"
            )
        return self._kept.pop()

    # What a module is made of

    def register_buffer(self, name: str, data: np.ndarray | None) -> None:
        """An array that belongs to the state but is not learned (running means)."""
        self._buffers.append(name)
        setattr(self, name, data)

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, sublayer) in the order of their assignment."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module): this module, then everything below it."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named_state(self) -> Iterator[tuple[str, Any, str, Module]]:
        """(dotted name, Parameter or array, attribute, owner) of parameters and buffers, in torch's order."""
        for prefix, module in self.named_modules():
            dot = f"{prefix}." if prefix else ""
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield dot + name, value, name, module
            for name in module._buffers:
                if getattr(module, name) is not None:
                    yield dot + name, getattr(module, name), name, module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, Parameter); a parameter that is used under two names (tied) comes once, as in torch."""
        seen: set[int] = set()
        for name, value, _, _ in self._named_state():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = None

    # State in and out

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by torch's dotted names."""
        return {
            name: np.array(value.data if isinstance(value, Parameter) else value)
            for name, value, _, _ in self._named_state()
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Copy `state` into the parameters and buffers, in place, in this module's dtype.

        Raises ValueError where names are missing or unknown, or a shape differs; nothing is copied then.
        """
        own = {name: (value, attribute, owner) for name, value, attribute, owner in self._named_state()}
        problems = [f"missing: {name}" for name in own if name not in state]
        problems += [f"unknown: {name}" for name in state if name not in own]
        problems += [
            f"{name}: shape {np.shape(state[name])} given, {own[name][0].shape} expected"
            for name in own
            if name in state and np.shape(state[name]) != own[name][0].shape
        ]
        if problems:
            more = [f"and {len(problems) - 6} more"] if len(problems) > 6 else []
            raise ValueError(f"the state does not fit {type(self).__name__}: " + "; ".join(problems[:6] + more))
        for name, (value, _, _) in own.items():
            target = value.data if isinstance(value, Parameter) else value
            target[...] = state[name]

    def to(self, dtype: Any) -> Module:
        """Turn all floating parameters, gradients and buffers into `dtype` (float32 or float64); returns self."""
        dtype = np.dtype(dtype)
        if dtype not in DTYPES:
            raise TypeError(f"dtype {dtype} given, float32 or float64 expected")
        for _, value, attribute, owner in self._named_state():
            if isinstance(value, Parameter):
                value.data = value.data.astype(dtype)
                value.grad = None if value.grad is None else value.grad.astype(dtype)
            elif np.issubdtype(value.dtype, np.floating):
                setattr(owner, attribute, value.astype(dtype))
        return self

    def float(self) -> Module:
        return self.to(np.float32)

    def double(self) -> Module:
        return self.to(np.float64)

    # Training and evaluation

    def train(self, mode: bool = True) -> Module:
        """Set the mode of this module and everything below it; returns self."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        return self.train(False)

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr: the settings."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"
