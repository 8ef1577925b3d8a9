"""Initialisers, by torch.nn.init's names. Each fills an array or Parameter in place and returns it.

`rng` is a numpy.random.Generator; without one, fresh entropy is drawn. The fans of a weight count what one output sums
over, and how many outputs one input reaches: weight (out, in, *kernel) has fan_in = in * kernel places, fan_out =
out * kernel places.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from scratchnet.nn.module import Parameter

Tensor = TypeVar("Tensor", Parameter, np.ndarray)
Rng = np.random.Generator | None


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What a weight's standard deviation is multiplied by, so that the activation keeps the variance.

    linear, conv..., sigmoid 1; tanh 5/3; relu sqrt(2); leaky_relu sqrt(2 / (1 + param^2)), where param is its slope
    (0.01 unless given); selu 3/4.   Raises ValueError for another name.   Source: He et al. 2015; torch for selu.
    """
    linear = ["linear"] + [f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)]
    slope = 0.01 if param is None else param
    gains = dict.fromkeys([*linear, "sigmoid"], 1.0) | {
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
        "selu": 3 / 4,
    }
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity={nonlinearity!r}: one of {', '.join(gains)} expected")
    return gains[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, rng: Rng = None) -> Tensor:
    """Uniform in [a, b)."""
    return _fill(tensor, _generator(rng).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Tensor:
    """Normal with this mean and standard deviation.   Raises ValueError for a negative std."""
    if std < 0:
        raise ValueError(f"std={std}: a number that is not negative expected")
    return _fill(tensor, _generator(rng).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, rng: Rng = None
) -> Tensor:
    """Normal, drawn again wherever it falls outside of [a, b].

    Raises ValueError where less than 1 draw in 10,000 would fall inside.
    """
    if not (std > 0 and a < b):
        raise ValueError(f"std={std}, a={a}, b={b}: std > 0 and a < b expected")
    below_a, below_b = (0.5 * (1 + math.erf((bound - mean) / (std * math.sqrt(2)))) for bound in (a, b))
    if below_b - below_a < 1e-4:
        raise ValueError(
            f"the bounds [{a}, {b}] lie too far from mean={mean} with std={std}: nearly no draw falls there"
        )
    rng = _generator(rng)
    values = rng.normal(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = rng.normal(mean, std, int(outside.sum()))
    return _fill(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return _fill(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return _fill(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return _fill(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: a Linear with it hands its input on.   Raises ValueError unless there are two axes."""
    _check_axes(tensor, (2,))
    rows, columns = tensor.shape
    return _fill(tensor, np.eye(rows, columns))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """1 in the middle of the kernel from channel c to filter c (in each group): a convolution that keeps its input.

    Raises ValueError unless there are 3 to 5 axes and `groups` divides the first.
    """
    _check_axes(tensor, (3, 4, 5))
    filters, channels, *kernel = tensor.shape
    if groups < 1 or filters % groups:
        raise ValueError(f"groups={groups} must divide the {filters} filters of shape {tensor.shape}")
    values = np.zeros(tensor.shape)
    middle: list[int] = [size // 2 for size in kernel]
    for group in range(groups):
        for c in range(min(filters // groups, channels)):
            values[(group * (filters // groups) + c, c, *middle)] = 1
    return _fill(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)).   Raises ValueError below two axes.

    Source: Glorot and Bengio 2010.
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)).   Raises ValueError below two axes.

    Source: Glorot and Bengio 2010.
    """
    return normal_(tensor, 0, _xavier_std(tensor, gain), rng)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Uniform in +-gain * sqrt(3 / fan), gain = calculate_gain(nonlinearity, a), `mode` "fan_in" or "fan_out".

    Raises ValueError below two axes, or for another mode or nonlinearity.   Source: He et al. 2015.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan); arguments, errors and source as kaiming_uniform_."""
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), rng)


def orthogonal_(tensor: Tensor, gain: float = 1, rng: Rng = None) -> Tensor:
    """gain * a random matrix (first axis, all others) whose rows, or columns if these are fewer, are orthonormal.

    Raises ValueError below two axes.   Source: Saxe et al. 2013; Mezzadri 2007 for the signs.
    """
    _check_axes(tensor, None)
    if 0 in tensor.shape:
        return tensor
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(_generator(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # so that every orthogonal matrix is equally likely
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, rng: Rng = None) -> Tensor:
    """Normal with standard deviation `std`, and in each column the share `sparsity` of the rows, rounded up, 0.

    Raises ValueError unless there are two axes and sparsity is from 0 to 1.   Source: Martens 2010.
    """
    _check_axes(tensor, (2,))
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity={sparsity}: a share from 0 to 1 expected")
    rng = _generator(rng)
    values = rng.normal(0, std, tensor.shape)
    rows, columns = tensor.shape
    for column in range(columns):
        values[rng.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(tensor, values)


def torch_default_(tensor: Tensor, fan_in: int, rng: Rng = None) -> Tensor:
    """What torch's Linear and Conv start with, weight and bias: uniform in +-1/sqrt(fan_in).

    For the weight that is kaiming_uniform_(a=sqrt(5)); the bias takes the fan_in of its weight.
    """
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return uniform_(tensor, -bound, bound, rng)


def _generator(rng: Rng) -> np.random.Generator:
    return np.random.default_rng() if rng is None else rng


def _fill(tensor: Tensor, values: Any) -> Tensor:
    array = tensor.data if isinstance(tensor, Parameter) else tensor
    array[...] = values
    return tensor


def _check_axes(tensor: Parameter | np.ndarray, allowed: tuple[int, ...] | None) -> None:
    axes = len(tensor.shape)
    if axes not in allowed if allowed else axes < 2:
        wanted = " or ".join(map(str, allowed)) if allowed else "at least 2"
        raise ValueError(f"the shape {tensor.shape} has {axes} axes, {wanted} expected")


def _fans(tensor: Parameter | np.ndarray) -> dict[str, int]:
    _check_axes(tensor, None)
    outputs, inputs, *kernel = tensor.shape
    return {"fan_in": inputs * math.prod(kernel), "fan_out": outputs * math.prod(kernel)}


def _xavier_std(tensor: Parameter | np.ndarray, gain: float) -> float:
    both = sum(_fans(tensor).values())
    return gain * math.sqrt(2 / both) if both else 0.0


def _kaiming_std(tensor: Parameter | np.ndarray, a: float, mode: str, nonlinearity: str) -> float:
    fans = _fans(tensor)
    if mode not in fans:
        raise ValueError(f'mode={mode!r}: "fan_in" or "fan_out" expected')
    gain = calculate_gain(nonlinearity, a)
    return gain / math.sqrt(fans[mode]) if fans[mode] else 0.0
