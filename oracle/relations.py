"""Exact relations: what must hold of a layer whether or not torch has it, told from its own answers alone.

    scaling      layer(4x) = 4 layer(x) without bias, bit for bit: a power of two changes no digit     linear layers
    batch        the images of a batch in another order give their outputs in that order
    one-by-one   an image alone gives what it gives in a batch of three
    channels     channels in another order, and the weight's with them, leave the output as it is      convolution
    filters      filters in another order give their outputs in that order                             and linear
    twice        the same call gives the same answer, on a fresh object and on the same one
    zero         an upstream gradient of zeros gives gradients of zeros

Where sums may be taken in another order (batch, one-by-one, channels) the inputs are whole numbers, so that the order
does not matter and the relation is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from oracle.subjects import Answer, Call, Subject

Arrays = Mapping[str, np.ndarray]
REVERSED = slice(None, None, -1)


@dataclass(frozen=True)
class Relation:
    """`holds(subject, call)` is None where it holds, else what was seen; `of_linear`: asked of linear layers only."""

    name: str
    holds: Callable[[Subject, Call], str | None]
    of_linear: bool = False


def broken(subject: Subject, call: Call, linear: bool = False) -> dict[str, str]:
    """The relations that the subject breaks on `call` (whole numbers), by name, with what was seen.

    call    x (N, ...), an upstream gradient "dout", and parameters if the layer has some
    linear  also those that hold of layers that are linear in x and in the weight, and of no others
    """
    found = {}
    for relation in RELATIONS:
        if relation.of_linear <= linear:
            seen = relation.holds(subject, call)
            if seen is not None:
                found[relation.name] = seen
    return found


def _run(subject: Subject, call: Call) -> Arrays:
    answer: Answer = subject.run(call)
    if answer.failures:
        phase, failure = next(iter(answer.failures.items()))
        raise ValueError(f"{phase} raised {failure.kind}: {failure.message}")
    return answer.tensors


def _without_bias(call: Call) -> Call:
    return replace(call, parameters={n: np.zeros_like(a) if n == "bias" else a for n, a in call.parameters.items()})


def _differ(one: np.ndarray, other: np.ndarray, text: str) -> str | None:
    if one.shape != other.shape:
        return f"{text}: shape {one.shape} against {other.shape}"
    off = int(np.sum(~((one == other) | (np.isnan(one) & np.isnan(other)))))
    return f"{text}: {off} of {one.size} elements differ" if off else None


def _first(*found: str | None) -> str | None:
    return next((text for text in found if text is not None), None)


def _scaling(subject: Subject, call: Call) -> str | None:
    call = _without_bias(call)
    bigger = replace(call, inputs={**call.inputs, "x": 4 * call.inputs["x"]})
    one, four = _run(subject, call), _run(subject, bigger)
    return _first(_differ(four["out"], 4 * one["out"], "out of 4x is not 4 times out of x"),
                  _differ(four["dx"], one["dx"], "dx depends on the size of x"))  # fmt: skip


def _batch(subject: Subject, call: Call) -> str | None:
    turned = replace(call, inputs={n: a[REVERSED].copy() for n, a in call.inputs.items()},
                     upstream={n: a[REVERSED].copy() for n, a in call.upstream.items()})  # fmt: skip
    one, other = _run(subject, call), _run(subject, turned)
    return _first(
        _differ(other["out"][REVERSED], one["out"], "out of the images in another order"),
        _differ(other["dx"][REVERSED], one["dx"], "dx of the images in another order"),
        *(
            _differ(other[f"d{n}"], one[f"d{n}"], f"d{n}, a sum over the images in another order")
            for n in call.parameters
        ),
    )


def _one_by_one(subject: Subject, call: Call) -> str | None:
    three = [slice(place, place + 1) for place in range(len(call.inputs["x"]))]
    whole = _run(subject, call)
    parts = [
        _run(subject, replace(call, inputs={n: a[p].copy() for n, a in call.inputs.items()},
                              upstream={n: a[p].copy() for n, a in call.upstream.items()}))
        for p in three
    ]  # fmt: skip
    return _first(
        *(_differ(np.concatenate([part[n] for part in parts]), whole[n], f"{n} of one image after the other")
          for n in ("out", "dx")),
        *(_differ(np.sum([part[f"d{n}"] for part in parts], axis=0), whole[f"d{n}"],
                  f"d{n} of a batch is not the sum of its images'") for n in call.parameters),
    )  # fmt: skip


def _channels(subject: Subject, call: Call) -> str | None:
    if call.parameters.get("weight", np.empty(0)).ndim < 3 or call.settings.get("groups", 1) != 1:
        return None
    turned = replace(
        call,
        inputs={**call.inputs, "x": call.inputs["x"][:, REVERSED].copy()},
        parameters={**call.parameters, "weight": call.parameters["weight"][:, REVERSED].copy()},
    )
    one, other = _run(subject, call), _run(subject, turned)
    return _first(_differ(other["out"], one["out"], "out with its channels in another order"),
                  _differ(other["dx"][:, REVERSED], one["dx"], "dx with its channels in another order"),
                  _differ(other["dweight"][:, REVERSED], one["dweight"], "dweight, its channels turned"))  # fmt: skip


def _filters(subject: Subject, call: Call) -> str | None:
    if "weight" not in call.parameters or call.settings.get("groups", 1) != 1 or call.parameters["weight"].ndim < 2:
        return None
    axis = 1 if call.parameters["weight"].ndim > 2 else -1
    turned = replace(
        call,
        parameters={n: a[REVERSED].copy() for n, a in call.parameters.items()},
        upstream={n: np.flip(a, axis).copy() for n, a in call.upstream.items()},
    )
    one, other = _run(subject, call), _run(subject, turned)
    return _first(
        _differ(np.flip(other["out"], axis), one["out"], "out with the filters in another order"),
        _differ(other["dx"], one["dx"], "dx with the filters in another order"),
        *(_differ(other[f"d{n}"][REVERSED], one[f"d{n}"], f"d{n}, filters in another order") for n in call.parameters),
    )


def _twice(subject: Subject, call: Call) -> str | None:
    one, other = _run(subject, call), _run(subject, call)
    return _first(*(_differ(other[name], one[name], f"{name} of the second call") for name in one))


def _zero(subject: Subject, call: Call) -> str | None:
    quiet = _run(subject, replace(call, upstream={n: np.zeros_like(a) for n, a in call.upstream.items()}))
    return _first(*(_differ(array, np.zeros_like(array), f"{name} of an upstream gradient of zeros")
                    for name, array in quiet.items() if name.startswith("d")))  # fmt: skip


RELATIONS = (
    Relation("scaling", _scaling, of_linear=True),
    Relation("batch", _batch),
    Relation("one-by-one", _one_by_one),
    Relation("channels", _channels, of_linear=True),
    Relation("filters", _filters, of_linear=True),
    Relation("twice", _twice),
    Relation("zero", _zero),
)
