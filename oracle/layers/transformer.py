"""TransformerEncoderLayer, TransformerDecoderLayer and Transformer as the oracle knows them.

TransformerEncoder and TransformerDecoder take a layer as argument, and are judged inside of Transformer. Dropout falls
in many places, whose own layers are judged with their masks: here it is 0, or (in evaluation) at its default. Masks are
boolean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oracle.bounds import Formula
from oracle.layers import transformer_bounds
from oracle.layers.spec import (
    Args,
    Draw,
    Flags,
    Integers,
    LayerSpec,
    Setting,
    Shape,
    Shapes,
    Tensors,
    Uniform,
    expect,
    spread,
)

_DEFAULTS = {"dim_feedforward": 2048, "dropout": 0.1, "activation": "relu", "layer_norm_eps": 1e-5,
             "batch_first": False, "norm_first": False, "bias": True}  # fmt: skip
_STACKS = {"num_encoder_layers": 6, "num_decoder_layers": 6}


def arguments(inputs: Mapping[str, Any], settings: Args) -> tuple[tuple, dict[str, Any]]:
    """The sequences as they are, masks by name."""
    masks = {name: array for name, array in inputs.items() if name.endswith("mask")}
    return tuple(inputs[name] for name in inputs if name not in masks), masks


# ---- shapes


def _layer_parameters(args: Args, attentions: tuple[str, ...]) -> dict[str, Shape]:
    E, F = args["d_model"], args["dim_feedforward"]
    shapes: dict[str, Shape] = {}
    for name in attentions:
        shapes |= {f"{name}.in_proj_weight": (3 * E, E), f"{name}.in_proj_bias": (3 * E,)}
        shapes |= {f"{name}.out_proj.weight": (E, E), f"{name}.out_proj.bias": (E,)}
    shapes |= {"linear1.weight": (F, E), "linear1.bias": (F,), "linear2.weight": (E, F), "linear2.bias": (E,)}
    for number in range(1, len(attentions) + 2):
        shapes |= {f"norm{number}.weight": (E,), f"norm{number}.bias": (E,)}
    return _with_biases(args, shapes)


def _with_biases(args: Args, shapes: Shapes) -> dict[str, Shape]:
    return {name: shape for name, shape in shapes.items() if args["bias"] or not name.endswith("bias")}


_ENCODER, _DECODER = ("self_attn",), ("self_attn", "multihead_attn")
_NORMS = ("norm1.weight", "norm2.weight", "norm3.weight")


def _sizes(args: Args, shapes: Shapes, queries: str, memory: str | None) -> None:
    """Raises ValueError where the shapes of sequences and masks do not fit each other."""
    E, first = args["d_model"], shapes[queries]
    expect(E >= 1 and args["nhead"] >= 1 and E % args["nhead"] == 0, f"nhead={args['nhead']} must divide d_model={E}")
    expect(args["dim_feedforward"] >= 1 and args["layer_norm_eps"] > 0, "dim_feedforward from 1, eps > 0 expected")
    expect(0 <= args["dropout"] <= 1, f"dropout={args['dropout']}: a probability from 0 to 1 expected")
    expect(args["activation"] in ("relu", "gelu"), f"activation={args['activation']}: relu or gelu expected")
    expect(len(first) in (2, 3) and min(first) >= 1, f"{queries} has shape {first}: 2 or 3 axes expected")
    axis = 1 if args["batch_first"] and len(first) == 3 else 0
    batch = () if len(first) == 2 else first[1 - axis : 2 - axis]
    lengths = {name: shapes[name][axis] for name in (queries, memory) if name is not None and len(shapes[name]) > axis}
    for name, length in lengths.items():
        wanted = (*batch, length, E) if axis else (length, *batch, E)
        expect(shapes[name] == wanted, f"{name} has shape {shapes[name]}, {wanted} expected")
        padding = shapes.get(f"{name}_key_padding_mask", (*batch, length))
        expect(padding == (*batch, length), f"{name}_key_padding_mask: {(*batch, length)} expected")
        own = (length if name != "memory" else lengths[queries], length)
        expect(shapes.get(f"{name}_mask", own) == own, f"{name}_mask: {own} expected")


def _encoder_tensors(args: Args, shapes: Shapes) -> Tensors:
    _sizes(args, shapes, "src", None)
    return Tensors({"out": shapes["src"]}, _layer_parameters(args, _ENCODER))


def _decoder_tensors(args: Args, shapes: Shapes) -> Tensors:
    _sizes(args, shapes, "tgt", "memory")
    return Tensors({"out": shapes["tgt"]}, _layer_parameters(args, _DECODER))


def _transformer_tensors(args: Args, shapes: Shapes) -> Tensors:
    _sizes(args, shapes, "tgt", "src")
    expect(all(1 <= args[name] <= 9 for name in _STACKS), "1 to 9 layers each expected")
    axis = 1 if args["batch_first"] and len(shapes["src"]) == 3 else 0
    padding, own = shapes["src"][:-1] if axis else shapes["src"][-2::-1], (shapes["tgt"][axis], shapes["src"][axis])
    expect(shapes.get("memory_key_padding_mask", padding) == padding, f"memory_key_padding_mask: {padding} expected")
    expect(shapes.get("memory_mask", own) == own, f"memory_mask: {own} expected")
    parameters: dict[str, Shape] = {}
    for side, attentions in (("encoder", _ENCODER), ("decoder", _DECODER)):
        for number in range(args[f"num_{side}_layers"]):
            layer = _layer_parameters(args, attentions)
            parameters |= {f"{side}.layers.{number}.{name}": shape for name, shape in layer.items()}
        size = (args["d_model"],)
        parameters |= _with_biases(args, {f"{side}.norm.weight": size, f"{side}.norm.bias": size})
    return Tensors({"out": shapes["tgt"]}, parameters)


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Weights as small as a network's, those of norms near 1: from part to part errors do not grow by much."""
    whole = style in ("integer", "strided")
    sides = ["encoder", "decoder"] if "num_encoder_layers" in args else [""]
    layers = [f"{side}.layers.{n}." for side in sides if side for n in range(args[f"num_{side}_layers"])] or [""]
    weights: Draw = Integers(-3, 3, 0.125) if whole else Uniform(-0.4, 0.4)
    near_1: Draw = Integers(2, 6, 0.25) if whole else Uniform(0.5, 1.5)
    names = _layer_parameters({**args, "bias": True}, _DECODER)
    draws = {f"{layer}{name}": near_1 if name in _NORMS else weights for layer in layers for name in names}
    draws |= {f"{side}.norm.weight": near_1 for side in sides}
    draws |= {name: Integers(-3, 3, 0.5) for name in shapes} if whole else {}
    return draws | {name: Flags(4) for name in shapes if name.endswith("mask")}


# ---- grids


def _grid(sequences: tuple[str, ...], count: int, stacks: bool) -> Iterator[Setting]:
    """Small sizes, all different, first; then each argument away from its default."""

    def make(
        N: int | None, L: int, S: int, heads: int, size: int, F: int, masks: str = "", batch_first: bool = False,
        norm_first: bool = False, gelu: bool = False, bias: bool = True, eps: float = 1e-5, depth: tuple = (1, 1),
        dropout: float = 0.0,
    ) -> Setting | None:  # fmt: skip
        E = heads * size
        most = 6 if depth == (1, 1) else 4
        if E < 3 or (stacks and most < E):
            return None  # a norm of two features is +-1; of a stack's many parameters the bound would take seconds
        args: dict[str, Any] = {"d_model": E, "nhead": heads, "dim_feedforward": F, "dropout": dropout,
                                "activation": "gelu" if gelu else "relu", "layer_norm_eps": eps,
                                "batch_first": batch_first, "norm_first": norm_first, "bias": bias}  # fmt: skip
        args |= dict(zip(_STACKS, depth)) if stacks else {}
        batch = () if N is None else (N,)
        lengths = {"src": S, "tgt": L, "memory": S}
        shapes: dict[str, Shape] = {}
        for name in sequences:
            length = lengths[name]
            shapes[name] = (*batch, length, E) if batch_first and N is not None else (length, *batch, E)
        for name in (*sequences, *(("memory",) if stacks else ())):
            keys, queries = lengths[name], L if name == "memory" else lengths[name]
            shapes |= {f"{name}_mask": (queries, keys)} if "a" in masks else {}
            shapes |= {f"{name}_key_padding_mask": (*batch, keys)} if "p" in masks else {}
        return Setting(args, shapes, ("eval",) if dropout else None)

    dozen = [
        make(1, 1, 1, 1, 3, 1), make(2, 3, 2, 1, 3, 2), make(2, 2, 3, 2, 2, 5), make(3, 3, 4, 2, 2, 3, norm_first=True),
        make(2, 4, 3, 2, 2, 3, "a"), make(2, 3, 4, 2, 3, 2, "p", batch_first=True),
        make(2, 3, 4, 1, 4, 3, gelu=True), make(2, 3, 2, 2, 2, 3, bias=False, depth=(1, 2)), make(None, 3, 4, 2, 2, 3),
        make(2, 3, 2, 2, 2, 4, eps=0.1, norm_first=True),
        make(2, 2, 3, 3, 2, 4, "pa", gelu=True), make(2, 3, 4, 2, 2, 3, dropout=0.1, depth=(2, 2)),
    ]  # fmt: skip
    axes: dict[str, list] = {
        "N": [2, 1, None, 3],
        "L": [3, 1, 2, 5],
        "S": [4, 1, 3, 2],
        "heads": [2, 1, 3],
        "size": [3, 4, 2],
        "F": [3, 1, 5],
        "masks": ["", "a", "p", "pa"],
        "batch_first": [False, True],
        "norm_first": [False, True],
        "gelu": [False, True],
        "bias": [True, True, False],
        "eps": [0.5, 0.1, 1e-5],
        "depth": [(1, 1), (2, 1), (1, 2), (1, 1)] if stacks else [(1, 1)],
        "dropout": [0.0, 0.0, 0.1],
    }
    yield from spread(axes, count, make, [setting for setting in dozen if setting])


def _spec(
    name: str, sequences: tuple[str, ...], masked: tuple[str, ...], tensors: Any, bound: Any, count: int
) -> LayerSpec:
    stacks = name == "Transformer"
    masks = (*(f"{m}_mask" for m in masked), *(f"{m}_key_padding_mask" for m in masked))
    defaults = {"d_model": 512, "nhead": 8, **_STACKS, **_DEFAULTS} if stacks else _DEFAULTS
    return LayerSpec(name, () if stacks else ("d_model", "nhead"), defaults, tensors,
                     lambda: _grid(sequences, count, stacks), Formula(bound), inputs=(*sequences, *masks),
                     optional=masks, arguments=arguments, styles=("strided",), draws=_draws,
                     exact=lambda args: False)  # fmt: skip


SPECS = (
    _spec("TransformerEncoderLayer", ("src",), ("src",), _encoder_tensors, transformer_bounds.bounds, 40),
    _spec("TransformerDecoderLayer", ("tgt", "memory"), ("tgt", "memory"), _decoder_tensors,
          transformer_bounds.bounds, 40),
    _spec("Transformer", ("src", "tgt"), ("src", "tgt", "memory"), _transformer_tensors,
          transformer_bounds.bounds, 20),
)  # fmt: skip
