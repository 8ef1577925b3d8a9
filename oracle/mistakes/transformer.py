# ruff: noqa: E501  an edit stands on one line
"""The transformer's layers: what people get wrong in putting the parts together, and in the parts."""

from __future__ import annotations

from oracle.mistakes.kernel import Edit, Edits, Facts, Family, Mistake
from oracle.mistakes.transformer_kernels import layers, prepare


def part(name: str, *edits: Edit) -> Edits:
    """A part, edited."""
    return ((f" {name}(k,", f" edited({name!r}, *{edits!r})(k,"),)


def stack(*edits: Edit) -> Edits:
    """The two stacks, edited."""
    return (("k.run(k,", f"running('of_both', *{edits!r})(k,"),)


# ---- where a mistake shows


def _first(facts: Facts) -> bool:
    return facts["norm_first"]


def _last(facts: Facts) -> bool:
    return not facts["norm_first"]


def _gelu(facts: Facts) -> bool:
    return facts["activation"] == "gelu"


def _heads(facts: Facts) -> bool:
    return facts["nhead"] > 1


# ---- residual paths and norms

_NOTHING_ADDED = (
    ("return X + O,", "return O,"), ("d + back_norm(", "back_norm("),
    ("norm(k, name, X + Z)", "norm(k, name, Z)"), ("return d_sum + back_part", "return back_part"),
)  # fmt: skip
_PAST_THE_NORM = (
    "d_sum = back_norm(d)\n            return d_sum + back_part(d_sum)",
    "return d + back_part(back_norm(d))",
)
_VARIANCE = "np.sqrt((centred**2).mean(axis=-1, keepdims=True) + k.eps)"
_UNBIASED = "(centred**2).sum(axis=-1, keepdims=True) / (X.shape[-1] - 1)"


def _residuals(dx: str) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "norm-first-ignored",
            {
                "out": ((("if k.norm_first", "if False"),), (("if k.norm_first", "if True"),), (("if k.norm_first", "if not k.norm_first"),)),
                dx: ((("if k.norm_first", "if False"),), (("if k.norm_first", "if True"),)),
            },
            "",
            "the norm stands always after the sum, always before the part, or the two are exchanged",
            "X + part(norm(X)) if norm_first else norm(X + part(X))",
        ),
        Mistake(
            "residual-missing",
            dict.fromkeys(("out", dx), (_NOTHING_ADDED,)),
            "always",
            "X is not added to what the part makes of it",
            "X + part(X)",
        ),
        Mistake(
            "residual-of-the-normed",
            {"out": ((("return X + O,", "return Z + O,"),),)},
            "norm_first = true",
            "norm(X) is added to the part's output; the path past the part has X as it is",
            "X + part(norm(X))",
            _first,
        ),
        Mistake(
            "residual-missing-in-backward",
            {dx: ((_NOTHING_ADDED[1], _NOTHING_ADDED[3]),)},
            "always",
            "the gradient goes through the part only; X is also added as it is, and its gradient with it",
            "dX = d + part'(d)",
        ),
        Mistake(
            "residual-past-the-norm",
            {dx: ((_PAST_THE_NORM,),)},
            "norm_first = false",
            "the gradient that goes past the part goes past the norm too; the norm comes after the sum",
            "d = norm'(dO), dX = d + part'(d)",
            _last,
        ),
        Mistake(
            "norms-exchanged",
            {"out": ((("norm1", "norm0"), ("norm2", "norm1"), ("norm0", "norm2")),)},
            "always",
            "norm1 and norm2 are exchanged: norm1 is that of the attention",
            "norm1 around self_attn, the last norm around the feed forward",
        ),
    )  # fmt: skip


def _norms(dx: str) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "unbiased-normalisation",
            {"out": (part("norm", (_VARIANCE, f"np.sqrt({_UNBIASED} + k.eps)")), part("norm", (_VARIANCE, f"np.sqrt({_UNBIASED}) + k.eps")))},
            "always",
            "the variance is divided by E - 1, as torch.std does it; the norm divides by the number of features E",
            "((X - mean)**2).mean(axis=-1)",
        ),
        Mistake(
            "eps-outside-sqrt",
            {"out": (part("norm", (_VARIANCE, "np.sqrt((centred**2).mean(axis=-1, keepdims=True)) + k.eps")),)},
            "always",
            "eps is added to the standard deviation; it belongs to the variance",
            "sqrt(variance + eps)",
        ),
        Mistake(
            "statistics-over-wrong-axes",
            {"out": (part("norm", ("axis=-1", "axis=1")), part("norm", ("axis=-1", "axis=(1, 2)")), part("norm", ("axis=-1", "axis=0")))},
            "more than one step",
            "the mean is taken over the steps or the batch; each place has its own, over its features",
            "X.mean(axis=-1, keepdims=True)",
        ),
        Mistake(
            "variance-path-missing",
            {dx: (part("norm", (" - xhat * (g * xhat).mean(axis=-1, keepdims=True)", "")),)},
            "always",
            "the norm's variance is taken for a constant in backward",
            "dX = (g - g.mean(axis=-1) - xhat * (g * xhat).mean(axis=-1)) / s",
        ),
    )  # fmt: skip


# ---- attention and its masks

_AT_MASK, _AT_PADDING = ("M = M | mask\n", "M = M | ~mask\n"), ("M | mask.reshape", "M | ~mask.reshape")


def _attention(dx: str) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "scale-missing",
            {"out": (part("attention", ("np.sqrt(d)", "1")),)},
            "more than one feature a head",
            "the scores are not divided by the root of a head's features",
            "z = Q @ K.T / sqrt(d_model / nhead)",
        ),
        Mistake(
            "scale-wrong",
            {"out": (part("attention", ("np.sqrt(d)", "np.sqrt(d * k.heads)")), part("attention", ("np.sqrt(d)", "d")))},
            "",
            "the scores are divided by the root of d_model, or by d itself",
            "z = Q @ K.T / sqrt(d_model / nhead)",
        ),
        Mistake(
            "softmax-wrong-axis",
            {"out": (part("attention", ("-1, True)", "-2, True)")), part("attention", ("-1, True)", "1, True)")))},
            "more than one query",
            "the softmax runs over the queries or the heads; each query's weights over the keys sum to 1",
            "softmax(z, axis=-1) of z (..., L, S)",
        ),
        Mistake(
            "heads-split-by-reshape",
            {"out": (part("attention", ("(split(", "(split_by_reshape("), ("join(", "join_by_reshape(")), part("attention", ("join(", "join_by_reshape(")))},
            "nhead > 1",
            "reshape alone mixes steps and heads; a head has d neighbouring features of each step",
            "x.reshape(N, T, heads, d).transpose(0, 2, 1, 3), and back before they are joined",
            _heads,
        ),
        Mistake(
            "self-attention-gradient-of-queries",
            {dx: tuple((("return dQ + dK + dV", f"return {some}"),) for some in ("dQ", "dQ + dK", "dK + dV"))},
            "always",
            "X is read three times, as queries, keys and values: all three gradients are added",
            "dX = dQ @ W_q + dK @ W_k + dV @ W_v",
        ),
        Mistake(
            "mask-inverted",
            {"out": (part("hidden", _AT_MASK, _AT_PADDING), part("hidden", _AT_MASK), part("hidden", _AT_PADDING))},
            "",
            "True is taken for a key that may be seen; in torch's masks True hides it",
            "z[mask] = -inf",
        ),
        Mistake(
            "attn-mask-ignored",
            {"out": (part("hidden", ("M = M | mask\n", "pass\n")),)},
            "",
            "the attention mask has no effect",
            "z[mask] = -inf before the softmax",
        ),
        Mistake(
            "key-padding-mask-ignored",
            {"out": (part("hidden", ("M = M | mask.reshape(len(Y), 1, 1, -1)", "pass")),)},
            "",
            "the key padding mask has no effect",
            "z[padding of its image, for every head and query] = -inf",
        ),
    )  # fmt: skip


# ---- feed forward

_LINEAR = (("(A * Phi(A), Phi(A) + A * phi(A))", "(A, 1)"), ("(np.maximum(A, 0), A > 0)", "(A, 1)"))


def _feed_forward(at: str, dx: str) -> tuple[Mistake, ...]:
    slopes = (
        part("feed_forward", ("back_2(d) * slope", "back_2(d)")),
        part("feed_forward", ("Phi(A) + A * phi(A)", "Phi(A)"), ("A > 0", "1")),
        part("feed_forward", ("A > 0", "1")),
    )
    return (
        Mistake(
            "activation-ignored",
            {"out": (part("feed_forward", ("k.gelu", "False")), part("feed_forward", ("k.gelu", "True")))},
            "",
            "relu whatever activation says, or gelu",
            "relu or gelu, as activation says",
        ),
        Mistake(
            "activation-missing",
            dict.fromkeys(("out", dx), (part("feed_forward", *_LINEAR),)),
            "always",
            "nothing stands between the two linear layers, which makes them one",
            "linear2(activation(linear1(X)))",
        ),
        Mistake(
            "derivative-missing",
            dict.fromkeys((dx, f"{at}linear1.weight"), slopes),
            "always",
            "the gradient goes past the activation as if it were not there",
            "d * (A > 0) for relu, d * (Phi(A) + A * phi(A)) for gelu",
        ),
        Mistake(
            "gelu-tanh-approximation",
            {"out": (part("feed_forward", ("(A * Phi(A),", "(A * tanh_gelu(A),")),)},
            "activation = gelu",
            "the approximation with tanh; torch's layer has the exact one, with the error function",
            "A * (1 + erf(A / sqrt(2))) / 2",
            _gelu,
            convention=True,
        ),
    )  # fmt: skip


# ---- the decoder

_LOOK_BACK = 'attention(k, f"{at}multihead_attn", X, Y, hidden(k, "memory", X, Y))'
_SELF_THEN_MEMORY = (
    ('residual(X, lambda X: self_attention(at, X, "tgt"), f"{at}norm1")', 'residual(X, look_back, f"{at}norm1")'),
    ('residual(Z, look_back, f"{at}norm2")', 'residual(Z, lambda X: self_attention(at, X, "tgt"), f"{at}norm2")'),
)

DECODER = (
    Mistake(
        "memory-ignored",
        {"out": (((_LOOK_BACK, 'attention(k, f"{at}multihead_attn", X, X, hidden(k, "", X, X))'),),)},
        "always",
        "the second attention looks at X again; its keys and values are made of memory",
        "multihead_attn(X, memory, memory)",
    ),
    Mistake(
        "attentions-exchanged",
        {"out": (_SELF_THEN_MEMORY,)},
        "always",
        "the attention to memory comes before that to X itself",
        "self_attn first, then multihead_attn, then the feed forward",
    ),
    Mistake(
        "causal-mask-always",
        {"out": (part("hidden", ("return M", "return M | np.triu(np.ones(M.shape[-2:], bool), 1) if name == 'tgt' else M")),)},
        "more than one step",
        "later places are hidden although no mask was given; torch hides what tgt_mask says",
        "hide what the masks say, and nothing else",
    ),
)  # fmt: skip

MEMORY = (
    Mistake(
        "memory-gradient-of-one-path",
        {"dmemory": tuple((("k.dY.append(dK + dV)", f"k.dY.append({one})"),) for one in ("dV", "dK"))},
        "always",
        "memory is read twice, as keys and as values: both gradients are added",
        "dmemory = dK @ W_k + dV @ W_v",
    ),
)  # fmt: skip

# ---- both stacks

_ENCODER_NORM = ('norm(k, "encoder.norm", X)', "(X, lambda d: d)")
_DECODER_NORM = ('norm(k, "decoder.norm", Y)', "(Y, lambda d: d)")

STACKS = (
    Mistake(
        "final-norm-missing",
        {"out": (stack(_ENCODER_NORM), stack(_DECODER_NORM), stack(_ENCODER_NORM, _DECODER_NORM)), "dsrc": (stack(_ENCODER_NORM, _DECODER_NORM),)},
        "always",
        "the norm at the end of the encoder, of the decoder, or of both is missing",
        "memory = norm(encoder(src)), out = norm(decoder(tgt, memory))",
    ),
    Mistake(
        "memory-is-source",
        {"out": (stack(("Y, memory)", "Y, k.x)")),)},
        "always",
        "the decoder reads src itself; it reads what the encoder has made of it",
        "decoder(tgt, encoder(src))",
    ),
    Mistake(
        "layers-share-weights",
        {"out": (stack(("layers.{number}.", "layers.0.")),)},
        "more than one layer",
        "every layer of a stack has the first one's parameters",
        "a layer of its own for each number",
    ),
    Mistake(
        "memory-gradient-of-one-layer",
        {"dsrc": (stack(("dmemory = dmemory + of_layer", "dmemory = of_layer")),)},
        "num_decoder_layers > 1",
        "all decoder layers read memory, so their gradients are added; here one layer's is kept",
        "dmemory += that of each layer",
        lambda facts: facts["num_decoder_layers"] > 1,
    ),
)  # fmt: skip

# ---- families


def _picked(ids: str, *groups: tuple[Mistake, ...]) -> tuple[Mistake, ...]:
    return tuple(mistake for group in groups for mistake in group if mistake.id in ids.split())


_OF_A_LAYER = ("dself_attn.in_proj_weight", "dlinear1.weight", "dlinear2.weight", "dnorm1.weight", "dnorm1.bias")


def _of_a_layer(dx: str) -> tuple[Mistake, ...]:
    return _residuals(dx) + _norms(dx) + _attention(dx) + _feed_forward("d", dx)


FAMILIES = (
    Family(
        dict.fromkeys(("out", "dsrc", *_OF_A_LAYER), layers),
        _of_a_layer("dsrc"),
        prepare,
        ("TransformerEncoderLayer",),
    ),
    Family(
        dict.fromkeys(("out", "dtgt", "dmemory", *_OF_A_LAYER), layers),
        _of_a_layer("dtgt") + DECODER + MEMORY,
        prepare,
        ("TransformerDecoderLayer",),
    ),
    Family(
        dict.fromkeys(("out", "dsrc", "dtgt"), layers),
        STACKS
        + DECODER
        + _residuals("dtgt")
        + _picked("scale-missing mask-inverted attn-mask-ignored key-padding-mask-ignored", _attention("dtgt"))
        + _picked("unbiased-normalisation eps-outside-sqrt", _norms("dtgt"))
        + _picked("activation-ignored activation-missing", _feed_forward("dencoder.layers.0.", "dtgt")),
        prepare,
        ("Transformer",),
    ),
)
