# ruff: noqa: E501  an edit stands on one line
"""MultiheadAttention: what people get wrong in it."""

from __future__ import annotations

from oracle.mistakes.attention_kernels import attention, prepare
from oracle.mistakes.kernel import Facts, Family, Mistake

# ---- where a mistake shows


def _heads(facts: Facts) -> bool:
    return facts["num_heads"] > 1


def _biased(facts: Facts) -> bool:
    return facts["bias"]


def _dropped(facts: Facts) -> bool:
    return facts["dropout"] > 0 and facts["mode"] == "train"


def _shown(facts: Facts) -> bool:
    return facts["need_weights"]


_SUM = "(dP - (dP * P).sum(axis=-1, keepdims=True))"
_D = ("k.D", "(k.D * (1 - k.p))")

SCORES = (
    Mistake(
        "scale-missing",
        dict.fromkeys(("out", "weights", "dquery"), ((("np.sqrt(d)", "1"),),)),
        "more than one feature a head",
        "the scores are not divided by the root of a head's features, and the softmax of large ones is nearly one-hot",
        "z = Q @ K.T / sqrt(d)",
    ),
    Mistake(
        "scale-wrong",
        {
            "out": tuple((("np.sqrt(d)", scale),) for scale in ("np.sqrt(d * k.heads)", "d", "np.sqrt(k.S)")),
            "dquery": ((("np.sqrt(d)", "np.sqrt(d * k.heads)"),),),
        },
        "",
        "the scores are divided by another number: the root of embed_dim, d itself, the root of the number of keys",
        "z = Q @ K.T / sqrt(d) with d = embed_dim // num_heads, the features of one head",
    ),
    Mistake(
        "scale-missing-in-backward",
        {"dquery": ((("dz @ K / np.sqrt(d)", "dz @ K"),),), "dkey": ((("t(dz) @ Q / np.sqrt(d)", "t(dz) @ Q"),),)},
        "more than one feature a head",
        "the scores were divided by sqrt(d), and so is what goes back to Q and K",
        "dQ = dz @ K / sqrt(d), dK = dz.T @ Q / sqrt(d)",
    ),
    Mistake(
        "softmax-wrong-axis",
        {name: tuple((("softmax(z, -1", f"softmax(z, {axis}"),) for axis in ("-2", "1", "0")) for name in ("out", "weights")},
        "more than one query",
        "the softmax runs over the queries, the heads or the batch; each query's weights over the keys sum to 1",
        "softmax(z, axis=-1) of z (..., L, S)",
    ),
    Mistake(
        "softmax-diagonal-only",
        dict.fromkeys(("dquery", "dkey"), (((_SUM, "(1 - P) * dP"),), ((_SUM, "dP"),))),
        "more than one key",
        "only the derivative of each weight by its own score is there; every weight depends on all scores of its query",
        "dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True))",
    ),
    Mistake(
        "softmax-sum-without-p",
        {"dquery": ((("(dP * P).sum(", "dP.sum("),), (("(dP * P).sum(axis=-1", "(dP * P).sum(axis=-2"),))},
        "more than one key",
        "the sum in the softmax's gradient is that of dP * P over the keys of one query",
        "dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True))",
    ),
)  # fmt: skip

HEADS = (
    Mistake(
        "heads-split-by-reshape",
        {"out": (
            (("split(", "split_by_reshape("), ("join(", "join_by_reshape(")),
            (("split(", "split_by_reshape("),),
            (("split(", "split_in_turn("),),
        )},
        "num_heads > 1",
        "reshape alone mixes steps and heads, or deals the features to the heads in turn; a head has d neighbouring features of each step",
        "x.reshape(N, T, heads, d).transpose(0, 2, 1, 3)",
        _heads,
    ),
    Mistake(
        "heads-joined-by-reshape",
        {"out": ((("join(", "join_by_reshape("),),)},
        "num_heads > 1",
        "the heads' outputs are reshaped as they lie, (N, heads, T, d); the steps must come first",
        "O.transpose(0, 2, 1, 3).reshape(N, T, heads * d)",
        _heads,
    ),
    Mistake(
        "one-head",
        {"out": ((("k.heads", "1"),),)},
        "num_heads > 1",
        "all features make one head: num_heads has no effect",
        "split E features into num_heads heads of E // num_heads",
        _heads,
    ),
    Mistake(
        "weights-not-averaged",
        {"weights": ((("if k.averaged else", "if False else"),), (("if k.averaged else", "if True else"),), ((".mean(axis=1) if", ".sum(axis=1) if"),))},
        "need_weights = true",
        "the weights are the mean over the heads, or with average_attn_weights=False those of each; not their sum",
        "weights.mean(axis=1) if average_attn_weights else weights",
        _shown,
    ),
    Mistake(
        "weights-gradient-ignored",
        {"dquery": (((" + k.dweights", ""),),), "dkey": (((" + k.dweights", ""),),)},
        "need_weights = true",
        "the weights are an output too: their gradient joins that which comes through O",
        "dP = dO @ V.T + dweights",
        _shown,
    ),
    Mistake(
        "not-transposed-in-backward",
        {"dkey": ((("t(dz) @ Q", "dz @ Q"),),), "dvalue": ((("t(P * k.D) @ dO", "(P * k.D) @ dO"),),)},
        "",
        "a key's gradient is a sum over the queries: the weights must be transposed, which shows where L and S are equal only by value",
        "dK = dz.T @ Q, dV = P.T @ dO",
    ),
    Mistake(
        "batch-first-ignored",
        {"out": ((("k.swapped", "False"),),)},
        "batch_first = true",
        "steps and batch are exchanged: with batch_first the first axis is N",
        "x is (N, T, E) with batch_first, else (T, N, E)",
        lambda facts: facts["batch_first"],
    ),
)  # fmt: skip

MASKS = (
    Mistake(
        "mask-inverted",
        {"out": (
            (("(k.attn_mask, k.padding_mask", "(inverted(k.attn_mask), inverted(k.padding_mask)"),),
            (("(k.attn_mask, k.padding_mask", "(inverted(k.attn_mask), k.padding_mask"),),
            (("(k.attn_mask, k.padding_mask", "(k.attn_mask, inverted(k.padding_mask)"),),
        )},
        "",
        "True is taken for a key that may be seen; in torch's masks True hides it",
        "z[mask] = -inf",
    ),
    Mistake(
        "attn-mask-ignored",
        {"out": ((("(k.attn_mask,", "(None,"),),), "weights": ((("(k.attn_mask,", "(None,"),),)},
        "",
        "attn_mask has no effect",
        "z = z + attn_mask, or z[attn_mask] = -inf",
    ),
    Mistake(
        "key-padding-mask-ignored",
        {"out": ((("k.padding_mask,", "None,"),),), "weights": ((("k.padding_mask,", "None,"),),)},
        "",
        "key_padding_mask has no effect",
        "z[key_padding_mask of its image, for every head and query] = -inf",
    ),
    Mistake(
        "mask-multiplied",
        {"out": ((("+ M", "* (M == 0)"),), (("+ M", "* np.exp(M)"),), (("+ M", "* np.where(M == 0, 1, M)"),))},
        "",
        "the scores are multiplied by the mask; a score of 0 is one like any other, and its key is still seen",
        "add the mask to the scores, -inf where a key is hidden",
    ),
    Mistake(
        "mask-after-softmax",
        {"out": ((("+ M", ""), (", k.safe)", ", k.safe) * (M == 0)")), (("+ M", ""), (", k.safe)", ", k.safe) * np.exp(M)")))},
        "",
        "the mask takes weights away after the softmax, so that those of a query do not sum to 1",
        "add the mask to the scores before the softmax",
    ),
)  # fmt: skip

PROJECTIONS = (
    Mistake(
        "out-projection-missing",
        {"out": ((("joined @ k.W_out.T + k.B_out", "joined"),), (("joined @ k.W_out.T", "joined @ k.W_out"),))},
        "always",
        "the heads' outputs are not multiplied by out_proj's weights, or by their transpose",
        "out = joined @ W_out.T + B_out",
    ),
    Mistake(
        "bias-missing",
        {"out": (((" + k.B_out", ""),), (("x @ w.T + b", "x @ w.T"),), (("x @ w.T + b", "x @ w.T"), (" + k.B_out", "")))},
        "bias = true",
        "the bias of out_proj, or those of Q, K and V, are missing",
        "Q = x @ W_q.T + B_q, ..., out = joined @ W_out.T + B_out",
        _biased,
    ),
    Mistake(
        "projections-swapped",
        {"out": tuple(
            (("k.W, k.B)", f"[k.W[i] for i in {order}], [k.B[i] for i in {order}])"),) for order in ((0, 2, 1), (1, 0, 2), (2, 1, 0))
        )},
        "",
        "the rows of in_proj are those of Q, then K, then V",
        "W_q, W_k, W_v = np.split(in_proj_weight, 3)",
    ),
    Mistake(
        "key-for-value",
        {"out": ((("in k.inputs]", "in (k.inputs[0], k.inputs[1], k.inputs[1])]"),), (("in k.inputs]", "in (k.inputs[0], k.inputs[0], k.inputs[0])]"),))},
        "",
        "the values are made of the keys' input, or all three of the query's: they are equal in self-attention only",
        "V = value @ W_v.T + B_v",
    ),
    Mistake(
        "dk-dv-swapped",
        {name: ((("(dQ, dK, dV)", "(dQ, dV, dK)"),),) for name in ("dkey", "dvalue")},
        "always",
        "the gradients of K and V are exchanged",
        "dK = dz.T @ Q / sqrt(d), dV = (P * D).T @ dO",
    ),
    Mistake(
        "weight-gradient-transposed",
        {"dout_proj.weight": ((("flat(dout).T @ flat(joined)", "flat(joined).T @ flat(dout)"),),),
         "din_proj_weight": ((("flat(d_rows).T @ flat(x)", "flat(x).T @ flat(d_rows)"),),)},
        "",
        "the weights are square, so the transposed gradient fits too: row o belongs to output o",
        "dW = dout.T @ x",
    ),
    Mistake(
        "mean-over-batch",
        {"dout_proj.weight": ((("flat(joined),", "flat(joined) / k.N,"),), (("flat(joined),", "flat(joined) / len(flat(dout)),"),)),
         "din_proj_bias": ((("flat(d_rows).sum(axis=0)", "flat(d_rows).mean(axis=0)"),), (("flat(d_rows).sum(axis=0)", "flat(d_rows).sum(axis=0) / k.N"),))},
        "",
        "the gradient of a parameter is divided by the number of rows; it is their sum",
        "dW = dout.T @ x, dB = dout.sum over batch and steps",
    ),
)  # fmt: skip

DROPOUT = (
    Mistake(
        "dropout-not-inverted",
        {"out": ((_D,),), "weights": ((_D,),)},
        "training, dropout > 0",
        "the weights that are kept are not divided by 1 - p",
        "P * mask / (1 - p)",
        _dropped,
        convention=True,
    ),
    Mistake(
        "dropout-missing-in-backward",
        {"dquery": (((" + k.dweights) * k.D", " + k.dweights)"),),), "dvalue": ((("t(P * k.D)", "t(P)"),),)},
        "training, dropout > 0",
        "the gradient goes back as if nothing had been dropped",
        "dP = (dO @ V.T + dweights) * mask / (1 - p), dV = (P * mask / (1 - p)).T @ dO",
        _dropped,
    ),
    Mistake(
        "weights-before-dropout",
        {"weights": ((("(P * k.D).mean(axis=1) if k.averaged else P * k.D", "P.mean(axis=1) if k.averaged else P"),),)},
        "training, dropout > 0",
        "the weights that are returned are those before dropout; torch returns those that were used",
        "weights = P * mask / (1 - p)",
        _dropped,
    ),
    Mistake(
        "dropout-ignored",
        {"out": ((("k.D", "1"),),)},
        "training, dropout > 0",
        "no weight is dropped",
        "O = (P * mask / (1 - p)) @ V",
        _dropped,
    ),
    Mistake(
        "dropout-active-in-eval",
        {"out": ((("k.D", "k.dropped"),),)},
        "evaluation, dropout > 0",
        "weights are dropped in evaluation too",
        "O = P @ V where training is False",
        lambda facts: facts["dropout"] > 0 and facts["mode"] == "eval",
    ),
)  # fmt: skip

TENSORS = ("out", "weights", "dquery", "dkey", "dvalue", "din_proj_weight", "din_proj_bias", "dout_proj.weight",
           "dout_proj.bias")  # fmt: skip

FAMILIES = (
    Family(
        dict.fromkeys(TENSORS, attention),
        SCORES + HEADS + MASKS + PROJECTIONS + DROPOUT,
        prepare,
        ("MultiheadAttention",),
    ),
)
