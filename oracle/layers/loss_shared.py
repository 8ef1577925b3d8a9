"""What the losses share: their reductions, and the bound of one that is reduced in the usual way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import U_REFERENCE, Arrays, Formula
from oracle.layers.spec import Args, Setting, Shape, Shapes, Tensors, expect
from oracle.running_error import Running, expand, total

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

REDUCTIONS = ("mean", "sum", "none")
REAL_SETTINGS = ("beta", "delta", "margin", "eps")  # rounded to the dtype of the case

Number = Any  # a Running number, to which NumPy's functions may be applied
# (inputs, settings) -> the losses, and by input the derivative of each loss, in Running numbers
Losses = Callable[..., tuple[Running, Mapping[str, Any]]]


def reduced(losses: Losses, length: Callable[[Case], int] = lambda case: 1) -> Formula:
    """The bound of a loss by running error analysis: its own formula, the sum over the losses, the division by D, and
    for the gradients dout / D times the derivatives (summed where an input was broadcast)."""

    def bound(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
        def running(array: np.ndarray) -> Any:
            return Running(array, u, tiny) if array.dtype.kind == "f" else array

        def rounded(name: str, value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return running(value)
            return Running(value, u, tiny, setting_error(value, u)) if name in REAL_SETTINGS else value

        settings = {name: rounded(name, value) for name, value in call.constructor().items()}
        reduction = settings.pop("reduction")
        each, slopes = losses(*map(running, call.inputs.values()), **settings)
        D = {"mean": each.value.size, "batchmean": len(each.value) if each.value.ndim else 1}.get(reduction, 1)
        out = each if reduction == "none" else total(each) / D
        bounds = {"out": out.error} | {name: np.zeros(array.shape) for name, array in call.buffers.items()}
        share = Running(call.upstream["dout"], u, tiny) / D
        for name, slope in slopes.items():
            slope = slope if isinstance(slope, Running) else Running(slope, u, tiny)
            upstream = share
            while upstream.value.ndim and upstream.value.ndim < slope.value.ndim:
                upstream = expand(upstream, -1)
            gradient, shape = slope * upstream, call.inputs[name].shape
            if gradient.value.size != call.inputs[name].size:
                gradient = total(gradient, -1)
            bounds[f"d{name}"] = np.broadcast_to(gradient.error, gradient.value.shape).reshape(shape)
        return bounds

    return Formula(bound, length)


def smallest(like: Number) -> Number:
    """The 1e-12 that keeps losses from dividing by 0; torch has it in float32, even where all else is float64."""
    return Running(1e-12, like.u, like.tiny, abs(float(np.float32(1e-12)) - 1e-12))


def setting_error(setting: float, u: float) -> float:
    """How far a setting is rounded in the dtype with unit roundoff u."""
    return 0.0 if u <= U_REFERENCE or float(np.float32(setting)) == setting else u * abs(setting)


def reduction_of(args: Args, known: tuple[str, ...] = REDUCTIONS) -> str:
    expect(args["reduction"] in known, f"reduction={args['reduction']}: one of {', '.join(known)} expected")
    return args["reduction"]


def alike(names: tuple[str, ...], known: tuple[str, ...], args: Args, shapes: Shapes) -> Tensors:
    """All inputs of one shape, one loss for each element."""
    first = shapes[names[0]]
    given = ", ".join(f"{name} {shapes[name]}" for name in names)
    expect(all(shapes[name] == first for name in names), f"{given}: one shape expected, nothing is broadcast")
    return Tensors({"out": first if reduction_of(args, known) == "none" else ()})


FIRST: list[Shape] = [(1,), (2,), (4,), (2, 2), (3, 2), (4, 1), (2, 4), (8,), (2, 3), (4, 4), (5, 2), (2, 2, 2)]
MORE: list[Shape] = [(), (7,), (3, 3), (2, 3, 4), (2, 3, 2, 2), (33,), (1, 1), (6, 5), (64, 10)]


def alike_grid(names: tuple[str, ...], *settings: Args, reductions: tuple[str, ...] = REDUCTIONS) -> Iterator[Setting]:
    """Every shape, reductions and settings taking turns; then every setting with every reduction."""
    pairs = [(reduction, args) for reduction in reductions for args in settings]
    head = zip(FIRST + MORE, cycle(reductions), cycle(settings))
    tail = [(shape, *pair) for pair, shape in zip(pairs * 2, cycle([(3, 5), (2, 6), (9,), (4, 2, 3)]))]
    for shape, reduction, args in [*head, *tail]:
        yield Setting({**args, "reduction": reduction}, dict.fromkeys(names, shape))
