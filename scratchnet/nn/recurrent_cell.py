"""RNNCell, GRUCell and LSTMCell: one step of RNN, GRU and LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn.recurrent import Recurrent, check_nonlinearity
from scratchnet.ops.recurrent import KINDS, recurrence_backward, recurrence_forward


class _Cell(Recurrent):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        if hidden_size < 1:
            raise ValueError(f"{type(self).__name__}: hidden_size={hidden_size}, at least 1 expected")
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._set_weights("", input_size, hidden_size, 0, bias, dtype, rng or np.random.default_rng())

    def forward(self, x: np.ndarray, hx: Any = None) -> Any:
        check_dtype(self, x=x, weight=next(self.parameters()))
        check_shape(self, "x", x, (*(() if x.ndim == 1 else ("N",)), self.input_size))
        state = self._state(hx, ((*x.shape[:-1], self.hidden_size),) * self.kind.states, x)
        rows = tuple(part.reshape(-1, self.hidden_size) for part in state)
        _, after, cache = recurrence_forward(x.reshape(1, -1, self.input_size), rows, self._weights(""), self.kind)
        self.keep((cache, hx is not None, x.shape, state[0].shape, x.dtype))
        return self._outer(tuple(part.reshape(state[0].shape) for part in after))

    def backward(self, *douts: np.ndarray | None) -> Any:
        """One upstream gradient for each output, in its shape; None where it was not used -> dx, or (dx, dhx)."""
        cache, given, x_shape, shape, dtype = self.kept()
        dstate = [np.zeros(shape, dtype) if dout is None else dout for dout in douts]
        dstate += [np.zeros(shape, dtype)] * (self.kind.states - len(dstate))
        for dout in dstate:
            check_dout(self, dout, shape, dtype)
        rows = tuple(dout.reshape(-1, self.hidden_size) for dout in dstate)
        dx, dbefore, gradients = recurrence_backward(np.zeros((1, *rows[0].shape), dtype), rows, cache)
        self._add_grads("", gradients)
        dx = dx.reshape(x_shape)
        return (dx, self._outer(tuple(part.reshape(shape) for part in dbefore))) if given else dx

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """h' = f(x weight_ih^T + bias_ih + h weight_hh^T + bias_hh), f = tanh or relu.   torch.nn.RNNCell

    x (N, input_size) or (input_size,), hx (N, hidden_size) or (hidden_size,), zeros without it -> h' in hx's shape.
    Parameters: weight_ih (hidden_size, input_size), weight_hh (hidden_size, hidden_size), bias_ih, bias_hh
    (hidden_size,).
    Gradients: with d = dh' f'(.), dx = d weight_ih, dhx = d weight_hh, dweight_ih = d^T x, dweight_hh = d^T hx.
    Raises ValueError for shapes that do not fit, TypeError for mixed dtypes.   Source: Elman 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        self.nonlinearity = check_nonlinearity(self, nonlinearity)
        self.kind = KINDS[nonlinearity]
        super().__init__(input_size, hidden_size, bias, dtype=dtype, rng=rng)


class GRUCell(_Cell):
    """One step of GRU, with its formulas; weights of 3*hidden_size rows: r, z, n.   torch.nn.GRUCell; see RNNCell"""

    kind = KINDS["gru"]


class LSTMCell(_Cell):
    """One step of LSTM, with its formulas; weights of 4*hidden_size rows: i, f, g, o.   torch.nn.LSTMCell

    x, hx = (h, c) -> (h', c'), all of hidden_size features; backward(dh', dc') -> dx, or (dx, (dh, dc)). Raises as
    RNNCell.
    """

    kind = KINDS["lstm"]
