"""RNN, GRU and LSTM: layers of recurrences, in one direction or both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.dropout import draw_mask, dropout_backward, dropout_forward
from scratchnet.ops.recurrent import KINDS, Kind, State, Weights, recurrence_backward, recurrence_forward

WEIGHTS = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh", "w_hr": "weight_hr"}


class Recurrent(Module):
    """mask    of the last forward with dropout, (num_layers - 1, *out.shape): 1 where kept, 0 where dropped"""

    kind: Kind
    mask: np.ndarray | None = None

    def _set_weights(self, suffix: str, inputs: int, hidden: int, proj: int, bias: bool, dtype: Any, rng: Any) -> None:
        """The parameters of one recurrence, uniform in +-1/sqrt(hidden), as torch starts them."""
        rows, states = self.kind.gates * hidden, proj or hidden
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, states)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
        shapes |= {"weight_hr": (proj, hidden)} if proj else {}
        for name, shape in shapes.items():
            setattr(self, name + suffix, init.torch_default_(Parameter(np.empty(shape, dtype)), hidden, rng))

    def _weights(self, suffix: str) -> Weights:
        parameters = {field: getattr(self, name + suffix, None) for field, name in WEIGHTS.items()}
        return Weights(**{field: p.data for field, p in parameters.items() if p is not None})

    def _add_grads(self, suffix: str, gradients: Weights) -> None:
        for field, name in WEIGHTS.items():
            if (parameter := getattr(self, name + suffix, None)) is not None:
                parameter.add_grad(getattr(gradients, field))

    def _state(self, hx: Any, shapes: tuple[tuple[int, ...], ...], x: np.ndarray) -> State:
        """hx as a tuple (h,) or (h, c) of the given shapes; zeros where it is None."""
        if hx is None:
            return tuple(np.zeros(shape, x.dtype) for shape in shapes)
        names = ("h0", "c0")[: len(shapes)]
        if len(shapes) == 1:
            hx = (hx,)
        elif not isinstance(hx, tuple | list) or len(hx) != 2:
            raise TypeError(f"{type(self).__name__}: hx is a {type(hx).__name__}, the tuple (h0, c0) expected")
        check_dtype(self, x=x, **dict(zip(names, hx)))
        for name, array, shape in zip(names, hx, shapes):
            check_shape(self, name, array, shape)
        return tuple(hx)

    def _outer(self, state: State) -> Any:
        """A state as the caller has it: h alone, or for LSTM (h, c)."""
        return state if self.kind.states > 1 else state[0]


def check_nonlinearity(owner: object, nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'{type(owner).__name__}: nonlinearity={nonlinearity!r}, "tanh" or "relu" expected')
    return nonlinearity


class _Layers(Recurrent):
    """What RNN, GRU and LSTM share: num_layers recurrences on top of each other, in 1 or 2 directions."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        name = type(self).__name__
        if min(hidden_size, num_layers) < 1:
            raise ValueError(f"{name}: hidden_size={hidden_size}, num_layers={num_layers}: at least 1 expected")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout={dropout}, the probability to DROP, from 0 to 1, expected")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size={proj_size}, less than hidden_size={hidden_size} expected (0: none)")
        self.input_size, self.hidden_size, self.proj_size = input_size, hidden_size, proj_size
        self.num_layers = num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.rng = rng or np.random.default_rng()
        for layer, suffixes in enumerate(self._suffixes()):
            inputs = input_size if layer == 0 else self._out_features
            for suffix in suffixes:
                self._set_weights(suffix, inputs, hidden_size, proj_size, bias, dtype, self.rng)

    def _suffixes(self) -> Iterator[tuple[str, ...]]:
        """Of each layer, how the names of its parameters end: forward, and backward in time."""
        for layer in range(self.num_layers):
            yield (f"_l{layer}", f"_l{layer}_reverse") if self.bidirectional else (f"_l{layer}",)

    @property
    def _out_features(self) -> int:
        return (2 if self.bidirectional else 1) * (self.proj_size or self.hidden_size)

    def _steps_first(self, array: np.ndarray, batched: bool) -> np.ndarray:
        """As (T, N, features), and back: the axes of steps and batch change places where batch_first has them so."""
        return np.swapaxes(array, 0, 1) if self.batch_first and batched else array

    def forward(self, x: np.ndarray, hx: Any = None, mask: np.ndarray | None = None) -> tuple[np.ndarray, Any]:
        check_dtype(self, x=x, weight=next(self.parameters()))
        batched = x.ndim == 3
        layout = ("N", "T") if self.batch_first else ("T", "N")
        check_shape(self, "x", x, (*(layout if batched else ("T",)), self.input_size))
        steps = self._steps_first(x, batched) if batched else x[:, None]
        if len(steps) == 0:
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, no step at all; at least one expected")
        batch = steps.shape[1:2] if batched else ()
        count = self.num_layers * (2 if self.bidirectional else 1)
        features = (self.proj_size or self.hidden_size, self.hidden_size)[: self.kind.states]
        state = self._state(hx, tuple((count, *batch, size) for size in features), x)
        first = [part.reshape(count, steps.shape[1], part.shape[-1]) for part in state]
        masks = self._masks(mask, (*x.shape[:-1], self._out_features), x.dtype)

        caches: list[Any] = []
        last: list[State] = []
        for layer, suffixes in enumerate(self._suffixes()):
            dropped = None
            if layer and masks is not None:
                kept = self._steps_first(masks[layer - 1], batched).reshape(steps.shape)
                steps, dropped = dropout_forward(steps, kept, self.dropout)
            outs = []
            for suffix in suffixes:
                own = tuple(part[len(last)] for part in first)
                out, after, cache = recurrence_forward(
                    steps, own, self._weights(suffix), self.kind, suffix.endswith("_reverse")
                )
                outs.append(out)
                last.append(after)
                caches.append((cache, suffix, dropped))
            steps = np.concatenate(outs, axis=2)
        out = np.ascontiguousarray(self._steps_first(steps, batched)) if batched else steps[:, 0]
        final = tuple(np.stack(parts).reshape(given.shape) for parts, given in zip(zip(*last), state))
        self.keep((caches, hx is not None, out.shape, tuple(part.shape for part in final), out.dtype))
        return out, self._outer(final)

    def backward(self, dout: np.ndarray | None, dhx: Any = None) -> Any:
        """dout and dhx in the shapes of forward's out and h_n (LSTM: the tuple of h_n and c_n), None where one was not
        used -> dx, or (dx, gradient of hx) where hx was given."""
        caches, given, shape, shapes, dtype = self.kept()
        dhx = tuple(np.zeros(s, dtype) for s in shapes) if dhx is None else dhx if len(shapes) > 1 else (dhx,)
        dout = np.zeros(shape, dtype) if dout is None else dout
        check_dout(self, dout, shape, dtype)
        for part, expected in zip(dhx, shapes, strict=True):
            check_dout(self, part, expected, dtype)
        batched = dout.ndim == 3
        dsteps = self._steps_first(dout, batched) if batched else dout[:, None]
        dlast = [part.reshape(len(caches), dsteps.shape[1], part.shape[-1]) for part in dhx]

        dfirst: list[State] = []
        directions = 2 if self.bidirectional else 1
        for place in reversed(range(0, len(caches), directions)):
            douts = np.split(dsteps, directions, axis=2)
            found = []
            for direction in range(directions):
                cache, suffix, dropped = caches[place + direction]
                dx, dbefore, gradients = recurrence_backward(
                    douts[direction], tuple(part[place + direction] for part in dlast), cache
                )
                self._add_grads(suffix, gradients)
                found.append((dx, dbefore))
            dsteps = np.add.reduce([dx for dx, _ in found])
            if dropped is not None:
                dsteps = dropout_backward(dsteps, dropped)
            dfirst = [dbefore for _, dbefore in found] + dfirst
        dx = np.ascontiguousarray(self._steps_first(dsteps, batched)) if batched else dsteps[:, 0]
        if not given:
            return dx
        return dx, self._outer(tuple(np.stack(parts).reshape(s) for parts, s in zip(zip(*dfirst), shapes)))

    def _masks(self, mask: np.ndarray | None, each: tuple[int, ...], dtype: Any) -> np.ndarray | None:
        shape = (self.num_layers - 1, *each)
        self.mask = None
        if not self.training:
            self.mask = None if mask is None else np.ones(shape, dtype)
        elif self.dropout > 0 and self.num_layers > 1:
            self.mask = draw_mask(shape, self.dropout, dtype, self.rng) if mask is None else np.asarray(mask, dtype)
            check_shape(self, "mask", self.mask, shape)
        return self.mask if self.training else None

    def extra_repr(self) -> str:
        settings = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False,
                    "proj_size": 0}  # fmt: skip
        given = {name: getattr(self, name) for name in settings}
        changed = [f"{name}={value}" for name, value in given.items() if value != settings[name]]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


class RNN(_Layers):
    """h[t] = f(x[t] weight_ih^T + bias_ih + h[t-1] weight_hh^T + bias_hh), f = tanh or relu.   torch.nn.RNN

    x (T, N, input_size), with batch_first (N, T, input_size), unbatched (T, input_size) -> out (T, N, D*hidden_size) of
    the last layer and h_n (D*num_layers, N, hidden_size) after the last step; D = 2 if bidirectional, else 1, where the
    second direction reads x from its end. hx (the first state) has the shape of h_n, zeros without it.
    Parameters of layer k: weight_ih_lk (hidden_size, input_size or D*hidden_size), weight_hh_lk (hidden_size,
    hidden_size), bias_ih_lk, bias_hh_lk (hidden_size,), and the same with _reverse. Between layers, in training,
    `dropout` of the elements are dropped (see Dropout): its mask (num_layers - 1, *out.shape) is drawn from `rng`, can
    be read back as `layer.mask` and handed in.
    Gradients: through time, from the last step to the first (ops/recurrent.py has the formulas); backward(dout, dh_n)
    -> dx, or (dx, dhx) where hx was given.
    Raises ValueError for shapes that do not fit and for no steps, TypeError for mixed dtypes.   Source: Elman 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        self.nonlinearity = check_nonlinearity(self, nonlinearity)
        self.kind = KINDS[nonlinearity]
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         dtype=dtype, rng=rng)  # fmt: skip


class GRU(_Layers):
    """Gated recurrent unit.   torch.nn.GRU; shapes, parameters (3*hidden_size rows: r, z, n), errors as RNN

    r = s(W_ir x + b_ir + W_hr h + b_hr), z = s(W_iz x + b_iz + W_hz h + b_hz), n = tanh(W_in x + b_in + r * (W_hn h +
    b_hn)), h' = (1 - z) * n + z * h: r comes after the matrix product, which is not quite the paper's r * h before it.
    Source: Cho et al. 2014; torch for n.
    """

    kind = KINDS["gru"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         dtype=dtype, rng=rng)  # fmt: skip


class LSTM(_Layers):
    """Long short-term memory.   torch.nn.LSTM; shapes, parameters (4*hidden_size rows: i, f, g, o), errors as RNN

    i, f, o = s(W x + b + W_h h + b_h) each with its own rows, g = tanh(...), c' = f * c + i * g, h' = o * tanh(c').
    The state is the tuple (h, c), as hx and as the second output; backward(dout, (dh_n, dc_n)) -> dx, or
    (dx, (dh0, dc0)) where hx was given.
    With proj_size > 0, h' = weight_hr (o * tanh(c')) has proj_size features instead of hidden_size, and c has not.
    Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000 (f); Sak et al. 2014 (projection).
    """

    kind = KINDS["lstm"]
