# ruff: noqa: E501  an edit stands on one line
"""Normalisation: what people get wrong, as edits of the functions in normalization_kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oracle.mistakes.kernel import Edit, Family, Mistake, Variants
from oracle.mistakes.normalization_kernels import (
    dbias,
    dweight,
    dx,
    num_batches_tracked,
    out,
    prepare_channels,
    prepare_groups,
    prepare_rows,
    rms_dweight,
    rms_dx,
    rms_out,
    running_mean,
    running_var,
)
from oracle.mistakes.normalization_local import LOCAL
from oracle.mistakes.normalization_shared import (
    CENTRED,
    MEAN,
    MEAN_G,
    MEAN_GX,
    OWN,
    SUM_G,
    SUM_GX,
    common,
    evaluated,
    everywhere,
    has_images,
    on_own_statistics,
    one_pass,
    over,
    trained,
)

# ---- of those with running statistics


def _in_evaluation(root: str) -> Edit:
    """Another root where the running statistics are used."""
    return "np.sqrt(var + k.eps)", f"({root} if k.running else np.sqrt(var + k.eps))"


_RUNNING = (
    Mistake(
        "biased-running-variance",
        {"running_var": (((", ddof=1", ""),),)},
        "training",
        "the running variance is made from sums over n; torch keeps the unbiased one, over n - 1",
        "running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)",
        trained,
        convention=True,
    ),
    Mistake(
        "momentum-inverted",
        {name: ((("k.momentum", "(1 - k.momentum)"),),) for name in ("running_mean", "running_var")},
        "training",
        "momentum is what is kept of the running statistics; in torch it is what is new (0.1 of torch is a decay of 0.9)",
        "running = (1 - momentum) * running + momentum * new",
        trained,
        convention=True,
    ),
    Mistake(
        "running-stats-not-updated",
        {name: ((("not k.training", "True"),),) for name in ("running_mean", "running_var")},
        "training",
        "the running statistics are what they were: nothing is written back to them",
        "running = (1 - momentum) * running + momentum * new",
        trained,
    ),
    Mistake(
        "running-stats-overwritten",
        {name: (((f"(1 - k.momentum) * {name} + k.momentum * new", "new"),),) for name in ("running_mean", "running_var")},
        "training",
        "the running statistics are those of the last batch: nothing is kept of the ones before",
        "running = (1 - momentum) * running + momentum * new",
        trained,
    ),
    Mistake(
        "running-stats-updated-in-eval",
        {name: ((("not k.training", "False"),),) for name in ("running_mean", "running_var")},
        "evaluation",
        "the running statistics change in evaluation too",
        "update them in training only",
        evaluated,
    ),
    Mistake(
        "running-stats-not-used",
        {tensor: ((("k.running", "False"),),) for tensor in OWN},
        "evaluation",
        "the statistics of the batch are used in evaluation; the running ones are kept for that",
        "xhat = (I - running_mean) / sqrt(running_var + eps) in evaluation",
        evaluated,
    ),
    Mistake(
        "running-stats-used-in-training",
        {tensor: ((("k.running", "running_mean is not None"),),) for tensor in OWN},
        "training",
        "the running statistics are used in training; there it is the batch's own that normalise it",
        "xhat = (I - mean) / sqrt(var + eps) with mean and var of the batch",
        trained,
    ),
    Mistake(
        "eps-outside-sqrt-in-evaluation",
        {tensor: ((_in_evaluation("np.sqrt(var) + k.eps"),),) for tensor in OWN},
        "evaluation",
        "in evaluation eps is added to the running standard deviation; it belongs to the variance, under the root, as in training",
        "xhat = (I - running_mean) / sqrt(running_var + eps)",
        evaluated,
    ),
    Mistake(
        "eps-missing-in-evaluation",
        {tensor: ((_in_evaluation("np.sqrt(var)"),),) for tensor in OWN},
        "evaluation",
        "in evaluation eps is not added to the running variance; in training it is",
        "xhat = (I - running_mean) / sqrt(running_var + eps)",
        evaluated,
    ),
)  # fmt: skip

# ---- batch norm

_ROWS = ("x.reshape(k.shape)", "x.reshape((k := rows(k)).shape)")

_PLACES = (
    Mistake(
        "reshape-without-moving-axis",
        {
            "out": ((_ROWS,), (("affine(xhat, weight, bias, k)", "np.moveaxis(affine(xhat, weight, bias, k), 1, -1)"),)),
            "dx": ((_ROWS,), (("(g - through_mean - through_var) / s", "np.moveaxis((g - through_mean - through_var) / s, 1, -1)"),)),
            "dweight": ((_ROWS,),),
            "dbias": ((_ROWS,),),
        },
        "an input of more than two axes",
        "reshape(-1, C) mixes channels and places: the channel axis must be moved to the end before it, and back after it",
        "I.transpose(0, 2, 3, 1).reshape(-1, C), and .reshape(N, H, W, C).transpose(0, 3, 1, 2) at the end",
        has_images,
    ),
    Mistake(
        "divides-by-N-not-NHW",
        {"dx": (
            ((MEAN_G, f"{SUM_G} / len(x)"), (MEAN_GX, f"{SUM_GX} / len(x)")),
            ((MEAN_G, f"{SUM_G} / len(x)"),),
            ((MEAN_GX, f"{SUM_GX} / len(x)"),),
            ((MEAN_G, SUM_G), (MEAN_GX, SUM_GX)),
            ((MEAN_G, SUM_G),),
            ((MEAN_GX, SUM_GX),),
        )},
        "own statistics",
        "the means in the gradient are over all the elements that share a mean, N*H*W of them; here the sum is divided by N, or by nothing",
        "dI = (g - g.mean(axis=(0, 2, 3)) - xhat * (g * xhat).mean(axis=(0, 2, 3))) / s",
        on_own_statistics,
    ),
)  # fmt: skip

_BATCH = (
    Mistake(
        "per-element-not-per-channel",
        over("0"),
        "an input of more than two axes",
        "each place of the image has statistics of its own; in a channel all places share one mean and one variance",
        "I.mean(axis=(0, 2, 3))",
        has_images,
    ),
    Mistake(
        "statistics-over-wrong-axes",
        over("None", "1", "tuple(range(1, x.ndim))"),
        "own statistics",
        "the mean is taken over other axes than batch and places: over the channels too, or for each image",
        "I.mean(axis=(0, 2, 3)): one mean for each channel",
        on_own_statistics,
    ),
    *_PLACES,
)

# ---- instance norm

_INSTANCE = (
    Mistake(
        "batch-not-instance",
        over("(0, *k.axes)"),
        "N > 1",
        "the statistics are taken over the batch too, as in batch norm; here each image has its own",
        "I.mean(axis=(2, 3))",
        on_own_statistics,
    ),
    Mistake(
        "statistics-over-wrong-axes",
        over("(1, *k.axes)", "None", "-1"),
        "own statistics",
        "the mean is taken over other axes than the places: over the channels too, or for each row",
        "I.mean(axis=(2, 3)): one mean for each image and channel",
        on_own_statistics,
    ),
    _PLACES[1],
)

# ---- layer norm

_LAYER = (
    Mistake(
        "layernorm-over-batch",
        over("0"),
        "always",
        "the statistics are taken over the batch, as in batch norm; layer norm takes them over the elements of each sample",
        "I.mean(axis=-1, keepdims=True)",
    ),
    Mistake(
        "statistics-over-wrong-axes",
        over("None", "-1"),
        "normalized_shape of more than one axis, or N > 1",
        "the mean is taken over other axes than those of normalized_shape: over all, or over the last one only",
        "I.mean(axis=the last len(normalized_shape) axes, keepdims=True)",
    ),
    Mistake(
        "divides-by-batch-size",
        {"dx": (
            ((MEAN_G, f"{SUM_G} / len(x)"), (MEAN_GX, f"{SUM_GX} / len(x)")),
            ((MEAN_G, SUM_G), (MEAN_GX, SUM_GX)),
        )},
        "always",
        "the means in the gradient are over the elements that share a mean; here the sum is divided by N, or by nothing",
        "dI = (g - g.mean(axis=-1) - xhat * (g * xhat).mean(axis=-1)) / s",
    ),
)  # fmt: skip

# ---- group norm


def _other_groups(*views: str) -> dict[str, Variants]:
    return everywhere(*((("x.reshape(k.shape)", f"x.reshape((k := {view}).shape)"),) for view in views))


_GROUPS = (
    Mistake(
        "groups-ignored",
        _other_groups("grouped(k, 1)", "grouped(k, k.shape[1] * k.shape[2])"),
        "num_groups is not 1 and not the number of channels",
        "num_groups has no effect: all channels are one group, as in layer norm, or each is its own, as in instance norm",
        "I.reshape(N, num_groups, -1).mean(axis=-1)",
    ),
    Mistake(
        "group-order",
        _other_groups("dealt(k)"),
        "1 < num_groups < num_channels",
        "the channels are dealt to the groups in turn; a group is a block of neighbouring channels",
        "I.reshape(N, num_groups, C // num_groups, H, W): channel c is in group c // (C // num_groups)",
        lambda facts: 1 < facts["num_groups"] < facts["num_channels"],
    ),
    Mistake(
        "statistics-over-wrong-axes",
        over("(0, *k.axes)", "2", "(3, 4)"),
        "more than one image or place",
        "the mean is taken over other axes than channels and places of a group: over the batch too, or over a part of them",
        "I.reshape(N, num_groups, -1).mean(axis=-1)",
    ),
    _LAYER[2],
)  # fmt: skip

# ---- RMS norm

_SQUARES = "(x * x).mean(axis=k.axes, keepdims=True)"
_RMS = (
    Mistake(
        "mean-subtracted",
        {
            "out": ((("xhat = x", "x = x - x.mean(axis=k.axes, keepdims=True)\n    xhat = x"),),),
            "dx": ((("r = np", "x = x - x.mean(axis=k.axes, keepdims=True)\n    r = np"),),
                   (("r = np", "x = x - x.mean(axis=k.axes, keepdims=True)\n    r = np"), ("(g - through_r)", "(g - g.mean(axis=k.axes, keepdims=True) - through_r)"))),
            "dweight": ((("xhat = x", "x = x - x.mean(axis=k.axes, keepdims=True)\n    xhat = x"),),),
        },
        "always",
        "the mean is subtracted, as in layer norm; RMS norm only divides",
        "O = W * I / sqrt(mean(I^2) + eps)",
    ),
    Mistake(
        "variance-path-missing",
        {"dx": ((("- through_r", ""),),)},
        "always",
        "the root is taken for a constant: I acts on it too, and the gradient has a term for that",
        "dI = (g - xhat * mean(g * xhat)) / r with g = dO * W",
    ),
    Mistake(
        "sum-not-mean",
        {"out": (((".mean(axis", ".sum(axis"),),),
         "dx": ((("(x * x).mean", "(x * x).sum"),), (("(g * xhat).mean", "(g * xhat).sum"),), ((".mean(axis", ".sum(axis"),)),
         "dweight": (((".mean(axis", ".sum(axis"),),)},
        "more than one element is normalised",
        "the sum of the squares is taken, not their mean",
        "r = sqrt(mean(I^2) + eps)",
    ),
    Mistake(
        "statistics-over-wrong-axes",
        over("None", "0", "-1"),
        "more than one row, or normalized_shape of more than one axis",
        "the mean of the squares is taken over other axes than those of normalized_shape",
        "(I * I).mean(axis=the last len(normalized_shape) axes, keepdims=True)",
    ),
)  # fmt: skip

_SQUARE = "(x * x).mean(axis=k.axes, keepdims=True)"
_N = "(x.size // mean.size)"
_ONE_PASS = ((MEAN, f"{_SQUARE} - mean * mean"),
             (MEAN, f"(x * x).sum(axis=k.axes, keepdims=True) / {_N} - x.sum(axis=k.axes, keepdims=True) ** 2 / {_N} ** 2"))  # fmt: skip
_ROWS_OF = "np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])"
_OF_ROWS = ((f"{_ROWS_OF}.mean(axis=0).reshape(k.affine)", f"({_ROWS_OF} ** 2).mean(axis=0).reshape(k.affine) - mean * mean"),
            (f"{_ROWS_OF}.mean(axis=0).reshape(k.affine)",
             f"(({_ROWS_OF} ** 2).sum(axis=0) / {_N} - {_ROWS_OF}.sum(axis=0) ** 2 / {_N} ** 2).reshape(k.affine)"))  # fmt: skip
_OF_CENTRED = CENTRED + common("var", "(x - mean)")
_CHANNELS: dict[str, Callable[..., np.ndarray]] = {"out": out, "dx": dx, "dweight": dweight, "dbias": dbias, "running_mean": running_mean,
             "running_var": running_var, "num_batches_tracked": num_batches_tracked}  # fmt: skip
_SAMPLES: dict[str, Callable[..., np.ndarray]] = {"out": out, "dx": dx, "dweight": dweight, "dbias": dbias}

FAMILIES = (
    Family(_CHANNELS, (*_BATCH, *_OF_CENTRED, *_RUNNING, one_pass(*_ONE_PASS, *_OF_ROWS)), prepare_channels,
           ("BatchNorm2d", "BatchNorm1d", "BatchNorm3d")),
    Family(_CHANNELS, (*_INSTANCE, *_OF_CENTRED, *_RUNNING, one_pass(*_ONE_PASS)), prepare_channels,
           ("InstanceNorm2d", "InstanceNorm1d", "InstanceNorm3d")),
    Family(_SAMPLES, (*_LAYER, *_OF_CENTRED, one_pass(*_ONE_PASS)), prepare_rows, ("LayerNorm",)),
    Family(_SAMPLES, (*_GROUPS, *_OF_CENTRED, one_pass(*_ONE_PASS)), prepare_groups, ("GroupNorm",)),
    Family({"out": rms_out, "dx": rms_dx, "dweight": rms_dweight}, _RMS + common(_SQUARES, "x", bias=False),
           prepare_rows, ("RMSNorm",)),
    LOCAL,
)  # fmt: skip
