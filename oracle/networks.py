"""Two torch modules side by side, on inputs of one's own: every tensor, forward and backward; and in a whole network,
which layers are themselves wrong.

    oracle.compare(my_module, torch_module, *inputs)
    oracle.locate(my_network, torch_network, *inputs)

For a module that has no LayerSpec no bound can be derived element by element. So both run in float64, and a difference
is given in units of what ONE rounding to float32 does to the tensor: u32 * its largest element. A right module is off
by a few roundings of float64, 2**29 times less; what is above 1 is no rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from oracle.reference import one_thread

U32 = 2.0**-24
UPSTREAM_SEED = 0  # of the upstream gradient, where the caller has none


@dataclass(frozen=True)
class Difference:
    """One tensor: `worst` in units of a float32 rounding of its largest element, None where `reason` says why."""

    worst: float | None
    reason: str | None = None

    @property
    def wrong(self) -> bool:
        return self.worst is None or self.worst > 1


@dataclass(frozen=True)
class Comparison:
    """All tensors of one module: "out" (or "out0", "out1", ...), "d<input>" and "d<parameter>"."""

    name: str
    tensors: Mapping[str, Difference] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        return not any(difference.wrong for difference in self.tensors.values())

    def __str__(self) -> str:
        lines = [f"{self.name}: {'right' if self.right else 'wrong'}"]
        for name, difference in self.tensors.items():
            said = difference.reason or f"{difference.worst:.3g} of a float32 rounding of its largest element"
            lines.append(f"  {name}: {'WRONG, ' if difference.wrong else ''}{said}")
        return "\n".join(lines)


def compare(
    module: torch.nn.Module, reference: torch.nn.Module, *inputs: torch.Tensor, params: Mapping[str, str] | None = None
) -> Comparison:
    """`module` against `reference` with the reference's weights, on `inputs` and a random upstream gradient.

    inputs   as forward takes them; floating ones get a gradient, whole numbers (indices, labels) none
    params   the reference's parameter or buffer name -> the module's, where they differ
    Neither module is changed: copies run, in float64. Raises ValueError where the weights do not fit, or where the
    reference itself raises.
    """
    with one_thread():
        mine, theirs = _twins(module, reference, params or {})
        return _compared(type(module).__name__, mine, theirs, inputs, None, params or {})


def locate(
    network: torch.nn.Module, reference: torch.nn.Module, *inputs: torch.Tensor, params: Mapping[str, str] | None = None
) -> list[Comparison]:
    """The layers of `network` that are themselves wrong, by the reference's dotted names, in the order of their calls.

    Each layer is fed the reference's own inputs and upstream gradient, so that a layer behind a wrong one is not
    accused. Layers are paired by name; those that only the reference has are compared where their parent is. An empty
    list says that every pair is right. Arguments and errors as in `compare`.
    """
    with one_thread():
        mine, theirs = _twins(network, reference, params or {})
        own = dict(mine.named_modules())
        found = []
        for name, layer, given, upstream in _calls(theirs, inputs, set(own)):
            result = _compared(name, own[name], layer, given, upstream, {})
            if not result.right:
                found.append(result)
        return found


def _twins(module: torch.nn.Module, reference: torch.nn.Module, params: Mapping[str, str]) -> tuple[Any, Any]:
    """Copies in float64, with the reference's weights in both."""
    mine, theirs = copy.deepcopy(module).double(), copy.deepcopy(reference).double()
    state = {params.get(name, name): value for name, value in theirs.state_dict().items()}
    own = mine.state_dict()
    problems = [f"{name} is missing" for name in state if name not in own]
    problems += [
        f"{name} has shape {tuple(own[name].shape)}, {tuple(value.shape)} in the reference"
        for name, value in state.items()
        if name in own and own[name].shape != value.shape
    ]
    if problems:
        raise ValueError(f"{type(module).__name__} does not take the weights: {'; '.join(problems)}; see params=")
    mine.load_state_dict(state, strict=False)
    return mine.train(reference.training), theirs


def _run(module: torch.nn.Module, inputs: tuple[Any, ...], upstream: tuple[Any, ...] | None) -> dict[str, Any]:
    """Outputs, gradients of inputs and of parameters, by name."""
    given = [_float64(value) for value in inputs]
    outputs = module(*given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    live = [out for out in outputs if isinstance(out, torch.Tensor) and out.requires_grad]
    if upstream is None:
        generator = torch.Generator().manual_seed(UPSTREAM_SEED)
        upstream = tuple(torch.randn(out.shape, generator=generator, dtype=torch.float64) for out in live)
    module.zero_grad()
    torch.autograd.backward(live, upstream[: len(live)])
    names = ["out"] if len(outputs) == 1 else [f"out{place}" for place in range(len(outputs))]
    found = dict(zip(names, outputs))
    found |= {f"dinput{place}" if place else "dx": value.grad for place, value in enumerate(given) if _is_float(value)}
    return found | {f"d{name}": parameter.grad for name, parameter in module.named_parameters()}


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _float64(value: Any) -> Any:
    return value.detach().double().clone().requires_grad_() if _is_float(value) else value


def _compared(name: str, mine: torch.nn.Module, theirs: torch.nn.Module, inputs: tuple[Any, ...],
              upstream: tuple[Any, ...] | None, params: Mapping[str, str]) -> Comparison:  # fmt: skip
    try:
        expected = _run(theirs, inputs, upstream)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(f"the reference raises {type(error).__name__}: {error}") from error
    try:
        actual = _run(mine, inputs, upstream)
    except Exception as error:  # whatever someone's module does
        return Comparison(name, {"out": Difference(None, f"raised {type(error).__name__}: {error}")})
    own = {f"d{theirs}": f"d{mine}" for theirs, mine in params.items()}
    return Comparison(
        name,
        {
            tensor: _difference(actual.get(own.get(tensor, tensor)), value)
            for tensor, value in expected.items()
            if value is not None
        },
    )


def _difference(actual: Any, expected: torch.Tensor) -> Difference:
    if not isinstance(actual, torch.Tensor):
        return Difference(None, "missing")
    if actual.shape != expected.shape:
        return Difference(None, f"shape {tuple(actual.shape)}, {tuple(expected.shape)} expected")
    actual, expected = actual.detach().double(), expected.detach().double()
    same = (actual == expected) | (actual.isnan() & expected.isnan())
    if bool(same.all()):
        return Difference(0.0)
    unit = U32 * float(expected[expected.isfinite()].abs().max()) if bool(expected.isfinite().any()) else 0.0
    off = float((actual - expected)[~same].abs().max())
    if not off < float("inf"):
        return Difference(None, "NaN or infinite, where the reference is not")
    return Difference(off / unit) if unit else Difference(None, "not zero, where the reference is")


def _calls(network: torch.nn.Module, inputs: tuple[Any, ...], names: set[str]) -> list[tuple]:
    """(name, layer, inputs, upstream gradients) of the first call of each layer that has a partner, in order. Layers
    whose own layers have partners are left to them."""
    chosen = {
        name: layer
        for name, layer in network.named_modules()
        if name in names and not any(f"{name}.{child}".lstrip(".") in names for child, _ in layer.named_children())
    }
    seen: dict[str, list[Any]] = {}
    handles = [layer.register_forward_hook(_recorder(name, seen)) for name, layer in chosen.items()]
    try:
        outputs = network(*[_float64(value) for value in inputs])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(f"the reference raises {type(error).__name__}: {error}") from error
    finally:
        for handle in handles:
            handle.remove()
    live = [out for out in (outputs if isinstance(outputs, tuple) else (outputs,)) if out.requires_grad]
    generator = torch.Generator().manual_seed(UPSTREAM_SEED)
    torch.autograd.backward(live, [torch.randn(out.shape, generator=generator, dtype=torch.float64) for out in live])
    return [
        (name, chosen[name], given, tuple(out.grad if out.grad is not None else torch.zeros_like(out) for out in outs))
        for name, (given, outs) in seen.items()
    ]


def _recorder(name: str, seen: dict[str, list[Any]]) -> Any:
    def record(layer: torch.nn.Module, given: tuple[Any, ...], out: Any) -> None:
        if name in seen:
            return
        outs = [one for one in (out if isinstance(out, tuple) else (out,)) if one.requires_grad]
        for one in outs:
            one.retain_grad()
        seen[name] = [tuple(value.detach().clone() if _is_float(value) else value for value in given), outs]

    return record
