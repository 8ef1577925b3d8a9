"""RNN, GRU, LSTM and their cells as the oracle knows them.

Inputs are x and the first state, h0 and (LSTM) c0, which may be absent; outputs are out, h_n and c_n, of a cell out and
c_1. Dropout between layers cannot be compared by chance, so the case draws its mask (num_layers - 1, *out.shape) and
hands it to the subject and to the twin: torch's own layers one by one, with the mask's arithmetic between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from oracle.bounds import Formula
from oracle.layers.recurrent_bounds import GATES, cells, layers
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, Uniform, expect, spread


def arguments(inputs: Mapping[str, Any], settings: Args) -> tuple[tuple, dict[str, Any]]:
    """forward(x), forward(x, h0) or forward(x, (h0, c0))"""
    x, *state = inputs.values()
    return (x, *([tuple(state)] if len(state) > 1 else state)), {}


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Small numbers, with which no gate saturates; in `large` most of them do. Kept and dropped equally often."""
    mask: Mapping[str, Draw] = {"mask": Integers(0, 0 if args.get("dropout") == 1 else 1, index=True)}
    if style in ("integer", "strided"):
        quarters = dict.fromkeys(_parameters(args), Integers(-3, 3, 0.25))
        return {**mask, **quarters, "x": Integers(-3, 3), "h0": Integers(-3, 3, 0.5), "c0": Integers(-3, 3)}
    if style == "large":
        return {**mask, "x": Uniform(-50, 50), "c0": Uniform(-50, 50)}
    return mask


def _parameters(args: Args) -> list[str]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    suffixes = [f"_l{layer}{way}" for layer in range(args.get("num_layers", 0)) for way in ("", "_reverse")]
    return [name + suffix for suffix in suffixes or [""] for name in names]


def _weights(gates: int, inputs: int, hidden: int, proj: int, bias: bool, suffix: str) -> Shapes:
    rows = gates * hidden
    shapes: dict[str, Shape] = {"weight_ih": (rows, inputs), "weight_hh": (rows, proj or hidden)}
    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
    shapes |= {"weight_hr": (proj, hidden)} if proj else {}
    return {name + suffix: shape for name, shape in shapes.items()}


def _check_states(shapes: Shapes, expected: tuple[Shape, ...]) -> None:
    given = [name for name in ("h0", "c0")[: len(expected)] if name in shapes]
    expect(len(given) in (0, len(expected)), "h0 and c0 are given together or not at all")
    for name, shape in zip(given, expected):
        expect(shapes[name] == shape, f"{name} has shape {shapes[name]}, {shape} expected")


# ---- layers


def _layer_tensors(kind: str, args: Args, shapes: Shapes) -> Tensors:
    x, inputs, hidden, count = shapes["x"], args["input_size"], args["hidden_size"], args["num_layers"]
    proj, ways = args.get("proj_size", 0), ("", "_reverse") if args["bidirectional"] else ("",)
    expect(min(inputs, hidden, count) >= 1, f"input_size={inputs}, hidden_size={hidden}, num_layers={count}: from 1")
    expect(count <= 9, f"num_layers={count}: at most 9 expected")
    expect(0 <= proj < hidden, f"proj_size={proj}: less than hidden_size={hidden} expected")
    expect(0 <= args["dropout"] <= 1, f"dropout={args['dropout']}: a probability from 0 to 1 expected")
    expect(args.get("nonlinearity", "tanh") in ("tanh", "relu"), "nonlinearity: tanh or relu expected")
    expect(len(x) in (2, 3) and x[-1] == inputs, f"x has shape {x}: 2 or 3 axes, the last of input_size={inputs}")
    steps, batch = (x[0], ()) if len(x) == 2 else (x[1], x[:1]) if args["batch_first"] else (x[0], x[1:2])
    expect(steps >= 1, f"x has shape {x}: at least one step expected")
    each = proj or hidden
    states = ((count * len(ways), *batch, each), (count * len(ways), *batch, hidden))[: 2 if kind == "LSTM" else 1]
    _check_states(shapes, states)
    parameters: dict[str, Shape] = {}
    for layer in range(count):
        for way in ways:
            features = inputs if layer == 0 else len(ways) * each
            parameters |= _weights(GATES[kind], features, hidden, proj, args["bias"], f"_l{layer}{way}")
    out = (*x[:-1], len(ways) * each)
    mask = {"mask": (count - 1, *out)} if args["dropout"] > 0 and count > 1 else {}
    return Tensors({"out": out, **dict(zip(("h_n", "c_n"), states))}, parameters, mask)


def _layer_grid(kind: str) -> Iterator[Setting]:
    """Small sizes, all different; then every argument away from its default, with several steps and features."""

    def make(
        T: int, N: int | None, I: int, H: int, given: bool = True, count: int = 1, batch_first: bool = False,
        ways: int = 1, bias: bool = True, dropout: float = 0.0, relu: bool = False, proj: int = 0,
    ) -> Setting | None:  # fmt: skip
        if (proj and (kind != "LSTM" or proj >= H)) or (relu and kind != "RNN") or (dropout and count == 1):
            return None
        args: dict[str, Any] = {"input_size": I, "hidden_size": H, "num_layers": count, "bias": bias,
                                "batch_first": batch_first, "dropout": dropout, "bidirectional": ways == 2}  # fmt: skip
        args |= {"nonlinearity": "relu"} if relu else {"proj_size": proj} if kind == "LSTM" else {}
        batch = () if N is None else (N,)
        shapes: dict[str, Shape] = {"x": (N, T, I) if batch_first and N is not None else (T, *batch, I)}
        if given:
            states = ((count * ways, *batch, proj or H), (count * ways, *batch, H))
            shapes |= dict(zip(("h0", "c0")[: 2 if kind == "LSTM" else 1], states))
        return Setting(args, shapes, ("train", "eval") if dropout else None)

    dozen = [
        make(1, 1, 1, 1), make(2, 1, 1, 1, relu=kind == "RNN"), make(3, 2, 2, 3), make(2, 3, 3, 2),
        make(4, 2, 3, 2, given=False), make(3, 2, 2, 2, relu=kind == "RNN"), make(3, 2, 4, 3, batch_first=True),
        make(2, 2, 3, 2, count=2, dropout=0.2), make(3, 2, 2, 3, ways=2), make(3, 2, 3, 2, bias=False),
        make(2, 2, 3, 2, count=2, ways=2, batch_first=True),
        make(3, 2, 2, 3, count=2, ways=2, dropout=0.5, proj=2 if kind == "LSTM" else 0),
    ]  # fmt: skip
    axes: dict[str, list] = {
        "T": [3, 1, 2, 5, 8],
        "N": [2, 1, 3, None, 5],
        "I": [3, 1, 2, 5],
        "H": [2, 1, 3, 4, 8],
        "given": [True, False],
        "count": [1, 2, 1, 3],
        "batch_first": [False, True],
        "ways": [1, 2],
        "bias": [True, True, False],
        "dropout": [0.0, 0.5, 0.2, 0.0],
        "relu": [False, True] if kind == "RNN" else [False],
        "proj": [0, 1, 2] if kind == "LSTM" else [0],
    }
    yield from spread(axes, 68, make, [setting for setting in dozen if setting])


def _masked(kind: str, torch: Any) -> type:
    """torch's own layer; with dropout in training its layers one by one, the mask's arithmetic between them."""
    base: Any = getattr(torch.nn, kind)

    class Masked(base):
        mask: Any

        def __init__(self, **settings: Any):
            super().__init__(**settings)
            self.of_one = settings | {"num_layers": 1, "dropout": 0.0}
            if settings["dropout"] > 0 and settings["num_layers"] > 1:
                self.register_buffer("mask", torch.zeros(0, dtype=torch.int64))

        def forward(self, x: Any, hx: Any = None) -> Any:
            if not hasattr(self, "mask"):
                return super().forward(x, hx)
            if not self.training:
                self.mask = torch.ones_like(self.mask)
                return super().forward(x, hx)
            last, ways = [], 2 if self.bidirectional else 1
            for layer in range(self.num_layers):
                if layer:
                    x = x * (self.mask[layer - 1].to(x.dtype) * (1 / (1 - self.dropout) if self.dropout < 1 else 0))
                one = base(**self.of_one | {"input_size": x.shape[-1]}).double()
                own = {n.replace(f"_l{layer}", "_l0"): p for n, p in self.named_parameters() if f"_l{layer}" in n}
                rows = slice(layer * ways, (layer + 1) * ways)
                state = None if hx is None else hx[rows] if kind != "LSTM" else (hx[0][rows], hx[1][rows])
                x, after = torch.func.functional_call(one, own, (x, state))
                last.append(after)
            return x, torch.cat(last) if kind != "LSTM" else tuple(map(torch.cat, zip(*last)))

    return Masked


def _layer(kind: str) -> LayerSpec:
    states = ("h0", "c0")[: 2 if kind == "LSTM" else 1]
    defaults: dict[str, Any] = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
    defaults |= {"bidirectional": False}
    if kind == "RNN":
        defaults = {"num_layers": 1, "nonlinearity": "tanh"} | defaults
    if kind == "LSTM":
        defaults |= {"proj_size": 0}
    return LayerSpec(kind, ("input_size", "hidden_size"), defaults, partial(_layer_tensors, kind),
                     partial(_layer_grid, kind), Formula(layers), inputs=("x", *states), optional=states,
                     arguments=arguments, styles=("large", "strided"), draws=_draws, exact=lambda args: False,
                     twin=partial(_masked, kind))  # fmt: skip


# ---- cells


def _cell_tensors(kind: str, args: Args, shapes: Shapes) -> Tensors:
    x, inputs, hidden = shapes["x"], args["input_size"], args["hidden_size"]
    expect(min(inputs, hidden) >= 1, f"input_size={inputs}, hidden_size={hidden}: at least 1 expected")
    expect(args.get("nonlinearity", "tanh") in ("tanh", "relu"), "nonlinearity: tanh or relu expected")
    expect(len(x) in (1, 2) and x[-1] == inputs, f"x has shape {x}: 1 or 2 axes, the last of input_size={inputs}")
    state = (*x[:-1], hidden)
    outputs = ("out", "c_1")[: 2 if kind == "LSTM" else 1]
    _check_states(shapes, (state,) * len(outputs))
    return Tensors(dict.fromkeys(outputs, state), _weights(GATES[kind], inputs, hidden, 0, args["bias"], ""))


def _cell_grid(kind: str) -> Iterator[Setting]:
    def make(
        N: int | None, I: int, H: int, given: bool = True, bias: bool = True, relu: bool = False
    ) -> Setting | None:
        if relu and kind != "RNN":
            return None
        batch = () if N is None else (N,)
        states = dict.fromkeys(("h0", "c0")[: 2 if kind == "LSTM" else 1], (*batch, H)) if given else {}
        args = {"input_size": I, "hidden_size": H, "bias": bias} | ({"nonlinearity": "relu"} if relu else {})
        return Setting(args, {"x": (*batch, I), **states})

    relu = kind == "RNN"
    dozen = [make(1, 1, 1), make(2, 2, 3), make(3, 3, 2), make(2, 3, 3), make(3, 2, 2, relu=relu),
             make(2, 2, 3, given=False), make(2, 3, 2, bias=False), make(4, 1, 2), make(2, 4, 1), make(None, 3, 2),
             make(5, 3, 4), make(1, 2, 3, relu=relu)]  # fmt: skip
    axes: dict[str, list] = {
        "N": [2, 1, 3, None, 8],
        "I": [3, 1, 2, 5],
        "H": [2, 1, 3, 8],
        "given": [True, False],
        "bias": [True, False],
        "relu": [False, True],
    }
    yield from spread(axes, 28, make, [setting for setting in dozen if setting])


def _cell(kind: str) -> LayerSpec:
    states = ("h0", "c0")[: 2 if kind == "LSTM" else 1]
    defaults: dict[str, Any] = {"bias": True} | ({"nonlinearity": "tanh"} if kind == "RNN" else {})
    return LayerSpec(f"{kind}Cell", ("input_size", "hidden_size"), defaults, partial(_cell_tensors, kind),
                     partial(_cell_grid, kind), Formula(cells), inputs=("x", *states), optional=states,
                     arguments=arguments, styles=("large", "strided"), draws=_draws,
                     exact=lambda args: False)  # fmt: skip


SPECS = (*map(_layer, GATES), *map(_cell, GATES))
