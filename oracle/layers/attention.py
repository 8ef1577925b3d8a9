"""MultiheadAttention as the oracle knows it.

Query, key and value are given apart; the masks may be absent, boolean or (in the styles integer and strided) numbers
that are added, which then have gradients. Arguments of forward (need_weights, average_attn_weights) are settings of a
case. is_causal is none: it is torch's hint that attn_mask is the causal one, and masks are drawn. Dropout's mask is
drawn by the case, and stands in the twin in the place of torch's own noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

from oracle.bounds import Formula
from oracle.layers.attention_bounds import multihead
from oracle.layers.spec import (
    Args,
    Choice,
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

MASKS = ("key_padding_mask", "attn_mask")


def arguments(inputs: Mapping[str, Any], settings: Args) -> tuple[tuple, dict[str, Any]]:
    """forward(query, key, value, key_padding_mask=..., attn_mask=..., need_weights=..., average_attn_weights=...)"""
    named = {name: array for name, array in inputs.items() if name in MASKS}
    return tuple(array for name, array in inputs.items() if name not in MASKS), named | dict(settings)


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    E, heads, query, key = args["embed_dim"], args["num_heads"], shapes["query"], shapes["key"]
    expect(E >= 1 and heads >= 1 and E % heads == 0, f"num_heads={heads} must divide embed_dim={E}")
    expect(0 <= args["dropout"] <= 1, f"dropout={args['dropout']}: a probability from 0 to 1 expected")
    kdim, vdim = (E if args[name] is None else args[name] for name in ("kdim", "vdim"))
    expect(len(query) in (2, 3) and len(key) == len(query), f"query has shape {query}, key {key}: both of 2 or 3 axes")
    steps = 1 if args["batch_first"] and len(query) == 3 else 0
    batch = () if len(query) == 2 else query[1 - steps : 2 - steps]
    L, S, N = query[steps], key[steps], batch[0] if batch else 1
    expect(min(L, S, N) >= 1, "at least one query, key and element of the batch expected")

    def shape(length: int, size: int) -> Shape:
        return (*batch, length, size) if steps else (length, *batch, size)

    for name, expected in {"query": shape(L, E), "key": shape(S, kdim), "value": shape(S, vdim)}.items():
        expect(shapes[name] == expected, f"{name} has shape {shapes[name]}, {expected} expected")
    expect(shapes.get("key_padding_mask", (*batch, S)) == (*batch, S), f"key_padding_mask: {(*batch, S)} expected")
    expect(shapes.get("attn_mask", (L, S)) in ((L, S), (N * heads, L, S)), f"attn_mask: {(L, S)} expected")
    if kdim == vdim == E:
        parameters: dict[str, Shape] = {"in_proj_weight": (3 * E, E)}
    else:
        parameters = {"q_proj_weight": (E, E), "k_proj_weight": (E, kdim), "v_proj_weight": (E, vdim)}
    parameters |= {"in_proj_bias": (3 * E,)} if args["bias"] else {}
    parameters |= {"bias_k": (1, 1, E), "bias_v": (1, 1, E)} if args["add_bias_kv"] else {}
    parameters |= {"out_proj.weight": (E, E)} | ({"out_proj.bias": (E,)} if args["bias"] else {})
    keys = S + args["add_bias_kv"] + args["add_zero_attn"]
    weights = (*batch, *(() if args["average_attn_weights"] else (heads,)), L, keys)
    outputs = {"out": shape(L, E)} | ({"weights": weights} if args["need_weights"] else {})
    return Tensors(outputs, parameters, {"mask": (N * heads, L, keys)} if args["dropout"] > 0 else {})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """One key in four is hidden. In `large` most softmaxes are as good as one-hot."""
    added: dict[str, Draw] = {"integer": Choice((0.0, 0.0, 0.0, float("-inf"))), "strided": Integers(-3, 3, 0.5)}
    draws: dict[str, Draw] = dict.fromkeys(MASKS, added.get(style, Flags(4)))
    draws["mask"] = Integers(0, 0 if args["dropout"] == 1 else 1, index=True)
    if style in ("integer", "strided"):
        draws |= dict.fromkeys(_tensors(args, shapes).parameters, Integers(-3, 3, 0.25))
        draws |= dict.fromkeys(("query", "key", "value"), Integers(-3, 3, 0.5))
    if style == "large":
        draws |= {"query": Uniform(-20, 20), "key": Uniform(-20, 20)}
    return draws


def _make(
    N: int | None, L: int, S: int, heads: int, size: int, masks: str = "", weights: str = "averaged",
    batch_first: bool = False, bias: bool = True, kdim: int | None = None, vdim: int | None = None,
    extra: str = "", dropout: float = 0.0,
) -> Setting | None:  # fmt: skip
    """masks: p a padding mask, a an attention mask, h one for each head; extra: b add_bias_kv, z add_zero_attn."""
    if dropout and masks and weights == "none":
        return None  # torch draws inside of its fused kernel, which gives 0 where a softmax of nothing gives NaN
    E = heads * size
    args = {"embed_dim": E, "num_heads": heads, "dropout": dropout, "bias": bias, "add_bias_kv": "b" in extra,
            "add_zero_attn": "z" in extra, "kdim": kdim, "vdim": vdim, "batch_first": batch_first,
            "need_weights": weights != "none", "average_attn_weights": weights != "heads"}  # fmt: skip
    batch = () if N is None else (N,)

    def shape(length: int, features: int) -> Shape:
        return (*batch, length, features) if batch_first else (length, *batch, features)

    shapes = {"query": shape(L, E), "key": shape(S, kdim or E), "value": shape(S, vdim or E)}
    shapes |= {"key_padding_mask": (*batch, S)} if "p" in masks else {}
    shapes |= {"attn_mask": (L, S)} if "a" in masks else {"attn_mask": ((N or 1) * heads, L, S)} if "h" in masks else {}
    return Setting(args, shapes, ("train", "eval") if dropout else None)


def _grid() -> Iterator[Setting]:
    """Sizes all different first; then each argument away from its default."""
    dozen = [
        _make(1, 1, 1, 1, 1), _make(2, 3, 2, 1, 2), _make(2, 2, 3, 2, 2), _make(3, 2, 4, 2, 3, weights="heads"),
        _make(2, 3, 4, 2, 2, "a"), _make(2, 3, 4, 2, 3, "p", batch_first=True), _make(2, 4, 3, 3, 2, weights="none"),
        _make(2, 3, 2, 2, 2, "p", kdim=3, vdim=5), _make(None, 3, 4, 2, 2),
        _make(2, 2, 3, 2, 3, "h", weights="heads", bias=False),
        _make(2, 3, 3, 2, 2, extra="bz", batch_first=True, dropout=0.2), _make(2, 3, 4, 2, 2, dropout=0.5),
    ]  # fmt: skip
    axes: dict[str, list] = {
        "N": [2, 1, None, 3],
        "L": [3, 1, 2, 5],
        "S": [4, 1, 3, 2, 7],
        "heads": [2, 1, 3],
        "size": [2, 1, 3, 4],
        "masks": ["", "p", "a", "pa", "h", "ph"],
        "weights": ["averaged", "heads", "none"],
        "batch_first": [False, True],
        "bias": [True, True, False],
        "kdim": [None, 3, None, 5],
        "vdim": [None, None, 2],
        "extra": ["", "", "b", "z", "bz"],
        "dropout": [0.0, 0.0, 0.5, 0.2],
    }
    yield from spread(axes, 68, _make, [setting for setting in dozen if setting])


def _masked(torch: Any) -> type:
    """torch's own layer, in which dropout multiplies by the case's mask."""

    class Masked(torch.nn.MultiheadAttention):
        mask: Any

        def __init__(self, **settings: Any):
            super().__init__(**settings)
            if settings["dropout"] > 0:
                self.register_buffer("mask", torch.zeros(0, dtype=torch.int64))

        def forward(self, *inputs: Any, **named: Any) -> Any:
            if not self.dropout:
                return super().forward(*inputs, **named)
            if not self.training:
                self.mask = torch.ones_like(self.mask)
                return super().forward(*inputs, **named)
            need_weights = named.pop("need_weights")
            with patch("torch.nn.functional.dropout", self._drop):
                out, weights = super().forward(*inputs, **named, need_weights=True)
            return out, weights if need_weights else None

        def _drop(self, weights: Any, p: float) -> Any:
            return weights * (self.mask.to(weights.dtype) * (1 / (1 - p) if p < 1 else 0))

    return Masked


SPECS = (
    LayerSpec("MultiheadAttention", ("embed_dim", "num_heads"),
              {"dropout": 0.0, "bias": True, "add_bias_kv": False, "add_zero_attn": False, "kdim": None, "vdim": None,
               "batch_first": False, "need_weights": True, "average_attn_weights": True},
              _tensors, _grid, Formula(multihead), inputs=("query", "key", "value", *MASKS), optional=MASKS,
              of_forward=("need_weights", "average_attn_weights"), arguments=arguments, styles=("large", "strided"),
              draws=_draws, exact=lambda args: False, twin=_masked),
)  # fmt: skip
