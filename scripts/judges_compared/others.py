"""The judges that people use, each in one typical setting: whether they see that a layer is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from oracle.cases import make
from oracle.layers import SPECS
from oracle.mistakes.mutant import Mutant
from oracle.reference import ReferenceError, run_twin
from oracle.selection import grid
from oracle.subjects import Call

TYPICAL = 2  # the third setting of a grid: small and ordinary; the first two have sizes of 1


def typical(layer: str, seed: int = 0) -> Call | None:
    """A call of the layer with normally distributed inputs, where it takes them; None where it has no gradient of
    floats to check, state, or several outputs."""
    spec = SPECS[layer]
    call = make(spec, grid(spec)[TYPICAL], "float64", "random", seed).call()
    if list(call.upstream) != ["dout"] or call.buffers:
        return None
    rng = np.random.default_rng(seed)

    def normal(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            k: rng.standard_normal(a.shape) if a.dtype.kind == "f" and k != "target" else a for k, a in arrays.items()
        }

    drawn = replace(call, inputs=normal(dict(call.inputs)), parameters=normal(dict(call.parameters)),
                    upstream=normal(dict(call.upstream)))  # fmt: skip
    try:
        return drawn if np.isfinite(run_twin(drawn)["out"]).all() else call
    except ReferenceError:  # a probability that is none, a negative variance
        return call


def answers(mutant: Mutant, call: Call) -> dict[str, np.ndarray]:
    """The mutant's tensors; torch's where the layer has no kernel for one."""
    found = mutant.run(call)
    return found.tensors if found.failures else {**_rest(mutant, call, found.tensors), **found.tensors}


def _rest(mutant: Mutant, call: Call, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {} if {f"d{name}" for name in operands(call)} <= found.keys() else run_twin(call)


def operands(call: Call) -> dict[str, np.ndarray]:
    """What has a gradient."""
    arrays = {**call.inputs, **call.parameters}
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f" and name != "target"}


def with_operands(call: Call, values: dict[str, np.ndarray], dout: np.ndarray) -> Call:
    return replace(
        call,
        inputs={name: values.get(name, array) for name, array in call.inputs.items()},
        parameters={name: values.get(name, array) for name, array in call.parameters.items()},
        upstream={"dout": dout},
    )


def gradcheck(mutant: Mutant) -> bool:
    call = typical(mutant.spec)
    assert call is not None
    names = list(operands(call))

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):  # type: ignore[no-untyped-def]
            ctx.values = {name: tensor.detach().numpy().copy() for name, tensor in zip(names, tensors)}
            out = answers(mutant, with_operands(call, ctx.values, call.upstream["dout"]))["out"]
            return torch.from_numpy(np.array(out, np.float64))

        @staticmethod
        def backward(ctx, dout):  # type: ignore[no-untyped-def]
            found = answers(mutant, with_operands(call, ctx.values, dout.numpy().copy()))
            return tuple(torch.from_numpy(np.array(found[f"d{name}"], np.float64)) for name in names)

    try:
        inputs = tuple(torch.from_numpy(array.copy()).requires_grad_() for array in operands(call).values())
        return not torch.autograd.gradcheck(Layer.apply, inputs, raise_exception=False)
    except (KeyError, RuntimeError, ValueError, IndexError):
        return True  # it raises: the user sees that


def differences(mutant: Mutant, h: float = 1e-5, most: float = 1e-6) -> bool:
    call = typical(mutant.spec)
    assert call is not None
    values, dout = operands(call), call.upstream["dout"]
    try:
        found = answers(mutant, call)
        for name, array in values.items():
            numeric = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                sides = []
                for step in (h, -h):
                    moved = array.copy()
                    moved[place] += step
                    sides.append(mutant.run(with_operands(call, {**values, name: moved}, dout)).tensors["out"])
                numeric[place] = np.sum((sides[0] - sides[1]) * dout) / (2 * h)
            error = np.abs(found[f"d{name}"] - numeric) / np.maximum(1e-8, np.abs(found[f"d{name}"]) + np.abs(numeric))
            if error.max(initial=0) > most:
                return True
    except (KeyError, ValueError, IndexError):
        return True
    return False


def allclose(mutant: Mutant) -> bool:
    call = typical(mutant.spec)
    assert call is not None
    call = replace(call, upstream={"dout": np.ones_like(call.upstream["dout"])})
    found, expected = answers(mutant, call), run_twin(call)
    try:
        return not all(np.allclose(found[name], expected[name]) for name in expected)
    except (KeyError, ValueError):
        return True


JUDGES: dict[str, Callable[[Mutant], bool]] = {
    "gradcheck": gradcheck,
    "differences": differences,
    "allclose": allclose,
}
