"""Mistakes of any layer, seen from its numbers alone: the right answer times a constant, turned around, in another
shape, with NaN in it, without the chain rule.

They are tried when no mistake of the layer's own explains a tensor, and are named only where they explain every failing
case: a guess that a single case contradicts is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from oracle.reference import run_twin
from oracle.seen import Seen, forgiven, matches, wrong_elements
from oracle.subjects import Call

FEWEST = 3  # wrong elements in all cases together, below which any of the explanations may hold by chance


@dataclass(frozen=True)
class Finding:
    """What explains a tensor: an id of the catalogue, in a person's words, and what to do."""

    id: str
    hint: str
    fix: str


# ---- what a second look at the same call shows: the judge has both answers, and names one of these

SECOND_LOOK = {
    finding.id: finding
    for finding in (
        Finding(
            "modifies-input",
            "an array that belongs to the caller is changed",
            "work on a copy: x = x.copy(), dout * mask in place of dout *= mask",
        ),
        Finding(
            "accumulates-over-calls",
            "the second call's answer is twice the first's: it is added to an array that all objects share",
            "make the array in __init__ or in backward, not in the class or in a default argument",
        ),
        Finding(
            "state-carries-over",
            "the second call's answer depends on the first: a cache, mask or buffer outlives the object",
            "keep what backward needs in self (or in the returned cache), not in a global or class variable",
        ),
    )
}


# ---- the right answer, changed


def explain_any(seen: Sequence[Seen], tensor: str = "out") -> Finding | None:
    """What explains every failing case of a tensor, the simplest first; None where nothing does."""
    if sum(_wrong_elements(each) for each in seen) < FEWEST:
        return None
    gradient = tensor.startswith("d") and all(tensor[1:] in each.call.arrays() for each in seen)
    return (
        _scaled(seen)
        or (_without_chain_rule(seen, tensor) if gradient else None)
        or _rearranged(seen)
        or _reshaped(seen)
        or _not_finite(seen)
    )


def _wrong_elements(seen: Seen) -> int:
    return int(wrong_elements(seen).sum()) if seen.actual.shape == seen.expected.shape else seen.actual.size


def _is(seen: Seen, value: np.ndarray | float | None) -> bool:
    return value is not None and matches(seen, np.asarray(value, np.float64))


def _constants(seen: Seen) -> dict[str, float]:
    """What a tensor is often multiplied by, by name: the sizes of this case."""
    x, settings = next(iter(seen.call.inputs.values())).shape, seen.call.settings
    weight = seen.call.parameters.get("weight", np.empty(0)).shape
    out = next(iter(seen.call.upstream.values()), seen.expected).shape
    kernel = weight[2:] or _window(settings.get("kernel_size"), len(x) - 2)
    sizes = {
        "N": math.prod(x[:1]),
        "R*S" if len(kernel) == 2 else "the window's size": math.prod(kernel),
        "H*W": math.prod(x[2:]),
        "the number of output positions": math.prod(out[2:]),
        "N times the number of output positions": math.prod(out[:1]) * math.prod(out[2:]),
        "C": math.prod(x[1:2]),
        "K": math.prod(out[1:2]),
        "the number of elements": math.prod(x),
    }
    return (
        {"0": 0.0, "-1": -1.0, "2": 2.0, "1/2": 0.5}
        | {name: float(size) for name, size in sizes.items()}
        | {f"1/({name})" if "*" in name else f"1/{name}": 1 / max(size, 1) for name, size in sizes.items()}
        | {f"-{name}": -float(size) for name, size in sizes.items()}
    )


def _window(kernel_size: object, axes: int) -> tuple[int, ...]:
    if isinstance(kernel_size, tuple):
        return kernel_size
    return (kernel_size,) * axes if isinstance(kernel_size, int) else ()


def _scaled(seen: Sequence[Seen]) -> Finding | None:
    """The right answer times k: a size with a name in every case, or one number in all."""
    tables = [_constants(each) for each in seen]
    for name in tables[0]:
        if all(_is(each, table[name] * each.expected) for table, each in zip(tables, seen)):
            if name == "0":
                return Finding("always-zero", "0 everywhere: nothing is ever written to it", "return what was computed")
            inverse = name.removeprefix("1/").strip("()") if name.startswith("1/") else None
            fix = f"it is divided by {inverse} once too often" if inverse else f"it is multiplied by {name} somewhere"
            return Finding("scaled-by-constant", f"the right answer times {name}", fix)
    k = _ratio(seen)
    if k is not None and all(abs(k - 1) > forgiven(each) and _is(each, k * each.expected) for each in seen):
        return Finding("scaled-by-constant", f"the right answer times {k:.6g}", f"find the factor {k:.6g}")
    return None


def _ratio(seen: Sequence[Seen]) -> float | None:
    """actual / expected at the largest element of all cases, where it is a number."""
    with np.errstate(all="ignore"):  # of what is wrong a ratio may be anything
        candidates = [
            (abs(each.expected.flat[place]), float(each.actual.flat[place] / each.expected.flat[place]))
            for each in seen
            if each.actual.shape == each.expected.shape and each.expected.any()
            for place in [int(np.argmax(np.abs(each.expected)))]
        ]
    ratio = max(candidates)[1] if candidates else math.nan
    return ratio if math.isfinite(ratio) else None


# ---- the gradient from above


def _without_chain_rule(seen: Sequence[Seen], tensor: str) -> Finding | None:
    """A gradient that is the layer's own derivative, without the gradient from above, or only that one."""
    if all(_is(each, _own_gradient(each.call, tensor)) for each in seen):
        return Finding("upstream-ignored", "the layer's derivative alone, without the gradient that comes from above",
                       "multiply by dO: the chain rule")  # fmt: skip
    if all(_is(each, next(iter(each.call.upstream.values()))) for each in seen):
        return Finding("derivative-missing", "the gradient that comes from above, passed on as it is",
                       "multiply by the layer's own derivative: the chain rule")  # fmt: skip
    return None


def _own_gradient(call: Call, tensor: str) -> np.ndarray:
    """What torch gives for an upstream gradient of ones."""
    ones = {name: np.ones_like(array) for name, array in call.upstream.items()}
    return run_twin(replace(call, upstream=ones))[tensor]


# ---- turned around

_AXES = ("images", "channels", "rows", "columns")


def _rearranged(seen: Sequence[Seen]) -> Finding | None:
    """The first rearrangement that turns the right answer into the subject's in every case."""
    for id, hint, fix, change in _rearrangements(max(each.expected.ndim for each in seen)):
        if all(_is(each, change(each.expected)) for each in seen):
            return Finding(id, hint, fix)
    for axis in range(min(2, min(each.expected.ndim for each in seen))):
        if all(_is_permuted(each, axis) for each in seen):
            name = ("images-permuted", "channels-permuted")[axis]
            return Finding(
                name, f"the right numbers in another order along axis {axis}", f"keep the order of axis {axis}"
            )
    return None


Change = Callable[[np.ndarray], np.ndarray | None]


def _rearrangements(ndim: int) -> Iterator[tuple[str, str, str, Change]]:
    """(id, hint, fix, what was done to the right answer)."""
    for one, two in combinations(range(ndim), 2):
        for reshaped in (False, True):
            hint = f"the right answer with its axes {one} and {two} exchanged"
            forced = ", and then the old shape forced on it" if reshaped else ""
            yield "transposed", hint + forced, "transpose it back", _swap(one, two, reshaped)
    yield "transposed", "the right answer with all its axes turned around", "transpose it back", lambda right: right.T
    for axes in (*((axis,) for axis in range(ndim)), *([(ndim - 2, ndim - 1)] if ndim > 1 else [])):
        along = " and ".join(map(str, axes))
        yield (
            "flipped",
            f"the right answer, back to front along axis {along}",
            f"[::-1] along axis {along}",
            _flip(axes),
        )
    for axis in range(ndim):
        for step, way in ((1, "later"), (-1, "earlier")):
            for wraps in (False, True):
                hint = f"the right answer, one place {way} along axis {axis}"
                yield "shifted", hint, "begin at the other index", _shift(axis, step, wraps)


def _swap(one: int, two: int, reshaped: bool) -> Change:
    def change(right: np.ndarray) -> np.ndarray | None:
        if right.ndim <= two:
            return None
        swapped = right.swapaxes(one, two)
        return swapped.reshape(right.shape) if reshaped else swapped

    return change


def _flip(axes: tuple[int, ...]) -> Change:
    return lambda right: np.flip(right, axes) if right.ndim > max(axes) else None


def _shift(axis: int, step: int, wraps: bool) -> Change:
    def change(right: np.ndarray) -> np.ndarray | None:
        if right.ndim <= axis:
            return None
        moved = np.roll(right, step, axis)
        if not wraps:
            moved[(slice(None),) * axis + ((0 if step > 0 else -1),)] = 0
        return moved

    return change


def _is_permuted(seen: Seen, axis: int) -> bool:
    """Whether every slice of the answer is a slice of the right one, each used once, and not in the same order: what
    lies just outside of its bound would fit there."""
    if seen.actual.shape != seen.expected.shape:
        return False
    count, left, order = seen.expected.shape[axis], set(range(seen.expected.shape[axis])), []
    for place in range(count):
        given = seen.actual.take(place, axis)
        fits = (i for i in left if matches(replace(seen, actual=given), seen.expected.take(i, axis)))
        found = next(fits, None)
        if found is None:
            return False
        left.remove(found)
        order.append(found)
    return order != sorted(order)


# ---- in another shape, or not finite


def _reshaped(seen: Sequence[Seen]) -> Finding | None:
    """The right numbers in another shape: axes of size 1 too many or too few, or all repeated by broadcasting."""
    if any(each.actual.shape == each.expected.shape for each in seen):
        return None
    shapes = f"{_shape(seen[0].actual)}, where {_shape(seen[0].expected)} is right"
    if all(each.actual.size == each.expected.size and _is_reshaped(each) for each in seen):
        fix = "reshape it, or leave out the keepdims or [:, None] that made it"
        return Finding("broadcast-shape", f"the right numbers in another shape: {shapes}", fix)
    if all(_is(each, _broadcast(each)) for each in seen):
        fix = "sum over the axes that broadcasting added"
        return Finding("broadcast-shape", f"the right numbers, repeated by broadcasting: {shapes}", fix)
    return None


def _is_reshaped(seen: Seen) -> bool:
    return matches(replace(seen, actual=seen.actual.reshape(seen.expected.shape)), seen.expected)


def _broadcast(seen: Seen) -> np.ndarray | None:
    try:
        return np.broadcast_to(seen.expected, seen.actual.shape)
    except ValueError:
        return None


def _shape(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "a scalar"


def _not_finite(seen: Sequence[Seen]) -> Finding | None:
    """NaN or infinities where the right answer has none, and nothing else wrong."""
    kinds, smallest = set(), math.inf
    for each in seen:
        if each.actual.shape != each.expected.shape:
            return None
        wrong = wrong_elements(each)
        if np.isfinite(each.actual[wrong]).any():
            return None
        kinds |= {"NaN" if np.isnan(value) else "inf" for value in each.actual[wrong]}
        x = next(iter(each.call.inputs.values()))
        if x.shape == wrong.shape and not wrong.all():
            smallest = min(smallest, float(np.abs(x[wrong]).min()))
    where = f", where |x| is {smallest:.4g} or more" if math.isfinite(smallest) and smallest > 1 else ""
    return Finding("nan-or-inf", f"{' and '.join(sorted(kinds))} in place of numbers{where}",
                   "look for exp of a large number, a division by 0, the log of 0, inf - inf")  # fmt: skip
