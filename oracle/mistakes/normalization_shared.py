# ruff: noqa: E501  an edit stands on one line
"""What people get wrong in any normalisation: eps, the means in the gradient, weight and bias."""

from __future__ import annotations

from oracle.mistakes.kernel import Facts, Mistake, Variants

# ---- where a mistake shows


def evaluated(facts: Facts) -> bool:
    return facts["mode"] == "eval"


def trained(facts: Facts) -> bool:
    return facts["mode"] == "train"


def on_own_statistics(facts: Facts) -> bool:
    return facts["mode"] == "train" or not facts.get("track_running_stats", False)


def has_images(facts: Facts) -> bool:
    return "W" in facts


_EPS = ("1e-5", "1e-8", "1e-6", "1e-7", "1e-3", "1e-2", "1e-12")
MEAN, VAR = "x.mean(axis=k.axes, keepdims=True)", "x.var(axis=k.axes, keepdims=True)"
MEAN_G, MEAN_GX = "g.mean(axis=k.axes, keepdims=True)", "(g * xhat).mean(axis=k.axes, keepdims=True)"
SUM_G, SUM_GX = "g.sum(axis=k.axes, keepdims=True)", "(g * xhat).sum(axis=k.axes, keepdims=True)"
_XHAT_SUM = "(dout * xhat).sum(axis=k.shared).reshape(weight.shape)"
_DOUT_SUM = "dout.sum(axis=k.shared).reshape(weight.shape)"
OWN = ("out", "dx", "dweight")  # the tensors in which x's own statistics stand


def everywhere(*variants: tuple[tuple[str, str], ...]) -> dict[str, Variants]:
    return {tensor: variants for tensor in OWN}


def over(*axes: str) -> dict[str, Variants]:
    """The statistics over other axes, and the means of the gradient with them."""
    return everywhere(*((("axis=k.axes", f"axis={other}"),) for other in axes))


def _cast(tensor: str, mean: str, var: str) -> tuple[tuple[str, str], ...]:
    """The mean and the variance from sums over the input alone, in its dtype."""
    typed = ("x = x.reshape(k.shape)", "x = x.reshape(k.shape).astype(k.dtype)")
    if tensor != "out":
        typed = ("x, dout = x.reshape(k.shape)", "x, dout = x.reshape(k.shape).astype(k.dtype)")
    found = (typed, (f"var = {VAR}", f"var = {var}"))
    return found if mean == MEAN else (*found, (f"mean = {MEAN}", f"mean = {mean}"))


def one_pass(*ways: tuple[str, str]) -> Mistake:
    return Mistake(
        "one-pass-variance",
        {tensor: tuple(_cast(tensor, *way) for way in ways) for tensor in OWN},
        "the mean is far from 0",
        "mean(I^2) - mean^2 cancels where the mean is far from 0: few digits of the variance are left, or it is negative",
        "var = ((I - mean)**2).mean(), from the centred values",
        on_own_statistics,
        styles=("offset",),
    )


# ---- of all that subtract a mean

CENTRED = (
    Mistake(
        "unbiased-normalisation",
        {
            "out": (((VAR, "x.var(axis=k.axes, keepdims=True, ddof=1)"),),),
            "dx": (
                ((VAR, "x.var(axis=k.axes, keepdims=True, ddof=1)"),),
                ((VAR, "x.var(axis=k.axes, keepdims=True, ddof=1)"), (MEAN_GX, f"{SUM_GX} / (x.size / mean.size - 1)")),
            ),
            "dweight": (((VAR, "x.var(axis=k.axes, keepdims=True, ddof=1)"),),),
        },
        "own statistics",
        "I is normalised with the sum of squares over n - 1 (torch.std and np.std with ddof=1)",
        "var = ((I - mean)**2).mean(): divide by n",
        on_own_statistics,
    ),
    Mistake(
        "variance-path-missing",
        {"dx": ((("- through_var", ""),),)},
        "own statistics",
        "the variance is taken for a constant: I acts on it too, and the gradient has a term for that",
        "dI = (g - mean(g) - xhat * mean(g * xhat)) / s with g = dO * W",
        on_own_statistics,
    ),
    Mistake(
        "mean-path-missing",
        {"dx": ((("- through_mean", ""),),)},
        "own statistics",
        "the mean is taken for a constant: I acts on it too, and the gradient has a term for that",
        "dI = (g - mean(g) - xhat * mean(g * xhat)) / s with g = dO * W",
        on_own_statistics,
    ),
    Mistake(
        "dgamma-dbeta-swapped",
        {
            "dweight": (((_XHAT_SUM, _DOUT_SUM),),),
            "dbias": (((_DOUT_SUM, "(dout * standardised(x, running_mean, running_var, k)).sum(axis=k.shared).reshape(weight.shape)"),),),
        },
        "always",
        "the gradients of weight and bias have changed places",
        "dW = (dO * xhat).sum(), dB = dO.sum()",
    ),
    Mistake(
        "gamma-beta-not-summed",
        {
            "dweight": (((_XHAT_SUM, "dout * xhat"),), ((_XHAT_SUM, "(dout * xhat).sum(axis=0)"),)),
            "dbias": (((_DOUT_SUM, "dout"),), ((_DOUT_SUM, "dout.sum(axis=0)"),)),
        },
        "weight and bias are shared along more axes",
        "a weight that is shared by many elements gets the sum of all their gradients; here it is not, or only in part, taken",
        "dW = (dO * xhat).sum(axis=(0, 2, 3)), dB = dO.sum(axis=(0, 2, 3)): all axes but the weight's own",
    ),
)  # fmt: skip


def common(root: str, x: str, bias: bool = True) -> tuple[Mistake, ...]:
    """Of RMS norm too. `root` is what the root is taken of, `x` what is divided by it."""
    return (
        Mistake(
            "eps-outside-sqrt",
            {tensor: (((f"np.sqrt({root} + k.eps)", f"(np.sqrt({root}) + k.eps)"),),) for tensor in OWN},
            "always",
            "eps is added to the standard deviation; it belongs to the variance, under the root",
            "s = sqrt(var + eps)",
        ),
        Mistake(
            "eps-missing",
            {tensor: ((("+ k.eps", ""),),) for tensor in OWN},
            "always",
            "eps is not added: a constant input divides by 0",
            "s = sqrt(var + eps)",
        ),
        Mistake(
            "eps-differs",
            {tensor: tuple((("k.eps", eps),) for eps in _EPS) for tensor in OWN},
            "eps is not the constant",
            "another eps stands in the code than the argument says",
            "s = sqrt(var + eps) with eps from the settings (torch's default: 1e-5)",
        ),
        Mistake(
            "root-missing",
            {tensor: (((f"np.sqrt({root} + k.eps)", f"({root} + k.eps)"),),) for tensor in OWN},
            "always",
            "I is divided by the variance; it is the standard deviation that makes it 1",
            "s = sqrt(var + eps)",
        ),
        Mistake(
            "dgamma-uses-x",
            {"dweight": tuple((("dout * xhat", f"dout * {other}"),) for other in dict.fromkeys(("x", x)))},
            "always",
            "dO is multiplied by the input; W multiplies the normalised input",
            "dW = (dO * xhat).sum()",
        ),
        Mistake(
            "gamma-missing-in-dx",
            {"dx": ((("g = scaled(dout, weight, k)", "g = dout"),),)},
            "there is a weight",
            "dO is not multiplied by W before it goes through the normalisation",
            "g = dO * W",
            lambda facts: bool(facts.get("affine", True) and facts.get("elementwise_affine", True)),
        ),
        Mistake(
            "mean-over-batch",
            {
                tensor: tuple(((total, total + share),) for share in (" / len(x)", " * weight.size / x.size"))
                for tensor, total in {"dweight": _XHAT_SUM, "dbias": _DOUT_SUM}.items() if bias or tensor == "dweight"
            },
            "N > 1",
            "the gradient is divided by N: that belongs into the loss, which has it already where it is a mean",
            "dW and dB are sums",
        ),
    )  # fmt: skip
