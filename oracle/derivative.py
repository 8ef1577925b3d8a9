"""Is a backward the true derivative of its own forward, even where that forward is wrong?

A layer F that is linear in each operand, x and w, satisfies for every upstream gradient g

    <g, F(x, w)> = <x, dx> = <w, dw>                without its bias,
    <g, F(x, w, b) - F(x, w, 0)> = <b, db>          with it

(Euler's identity; max pooling and ReLU satisfy it in x as well). On whole numbers both sides are exact, so they are
equal or the backward is not the derivative. This never says that a layer is right: a forward and a backward that share
an error satisfy it too. It says where to begin: at the forward.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from oracle.bounds import Selection, SumsOfProducts
from oracle.cases import Case
from oracle.subjects import Call, Subject

PROBES = 3


def own_derivative(subject: Subject, cases: Iterable[Case]) -> dict[str, bool]:
    """By gradient, whether it satisfies the identity in `PROBES` of `cases` (exact integers); gradients that could not
    be tried, for want of an answer, are not in it."""
    found: dict[str, bool] = {}
    probes = 0
    for case in cases:
        if not isinstance(case.spec.bound, SumsOfProducts | Selection) or not case.exact or case.style != "integer":
            continue
        for name, holds in _probe(subject, case.call()).items():
            found[name] = found.get(name, True) and holds
        probes += 1
        if probes == PROBES:
            break
    return found


def _probe(subject: Subject, call: Call) -> dict[str, bool]:
    bare = replace(call, parameters={n: np.zeros_like(a) if n == "bias" else a for n, a in call.parameters.items()})
    out = subject.run(bare).tensors.get("out")
    if out is None or not _is_numbers(out):
        return {}
    upstream = {"dout": _like(call.upstream["dout"], out.shape)}
    answer = subject.run(replace(bare, upstream=upstream)).tensors
    energy = np.sum(upstream["dout"] * out)
    arrays = call.arrays()
    found = {
        f"d{name}": bool(np.sum(arrays[name] * answer[f"d{name}"]) == energy)
        for name in (*call.inputs, *call.parameters)
        if name != "bias" and _fits(answer.get(f"d{name}"), arrays[name])
    }
    if "bias" in call.parameters:
        with_bias = subject.run(replace(call, upstream=upstream)).tensors
        bias = call.parameters["bias"]
        if _is_numbers(with_bias.get("out")) and _fits(with_bias.get("dbias"), bias):
            change = np.sum(upstream["dout"] * (with_bias["out"] - out))
            found["dbias"] = bool(np.sum(bias * with_bias["dbias"]) == change)
    return found


def _is_numbers(array: object) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiu" and bool(np.isfinite(array).all())


def _fits(gradient: Any, operand: np.ndarray) -> bool:
    return _is_numbers(gradient) and gradient.shape == operand.shape


def _like(dout: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers from dout in another shape: the subject's own output may have a wrong one."""
    return np.resize(dout, shape).astype(dout.dtype)
