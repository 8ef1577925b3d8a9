# ruff: noqa: E501  an edit stands on one line
"""What people get wrong in CosineSimilarity and PairwiseDistance. The formulas stand in distance_kernels.py."""

from __future__ import annotations

import math
from collections.abc import Callable

from oracle.mistakes.distance_kernels import cosine_gradients, cosine_out, pairwise_gradients, pairwise_out
from oracle.mistakes.kernel import Edits, Facts, Family, Mistake, Variants
from oracle.mistakes.loss_shared import in_all

_PAIR = ("dx1", "dx2")


# ---- where a mistake shows


def _root(facts: Facts) -> bool:
    return facts["p"] not in (1, math.inf)


def _odd(facts: Facts) -> bool:
    return facts["p"] % 2 != 0 and facts["p"] != math.inf


def _both(*ways: Edits) -> dict[str, Variants]:
    """The same edits in both gradients."""
    return dict.fromkeys(_PAIR, ways)


def norm_path(gradients: tuple[str, ...], own: str, square: str, both: str, fix: str) -> tuple[Mistake, ...]:
    """The derivative of the length in the gradient of a cosine, "- cos * x / square": `own` is the length of x in the
    kernels' text, `square` its square and `both` the product of the two lengths."""
    term = f" - cos * x / {square}"
    return (
        Mistake(
            "norm-path-missing",
            in_all(gradients, (term, "")),
            "always",
            "the lengths are treated as constants: |I1| depends on I1 too, and has a term in the gradient",
            fix,
        ),
        Mistake(
            "norm-path-sign",
            in_all(gradients, (" - cos", " + cos")),
            "always",
            "the term of the length has the wrong sign: a longer I1 makes the quotient smaller",
            fix,
        ),
        Mistake(
            "norm-path-power",
            in_all(gradients, *((term, f" - cos * {other}") for other in (
                f"x / {own}", f"x / {square} ** 2", f"x / {both}", f"x / ({square} * {both})", "x", f"{both} * x / {square}",
            ))),
            "always",
            "the term of the length is divided by the wrong lengths: that of I1 belongs there, squared",
            fix,
        ),
    )  # fmt: skip


_NORMS = "x1 * x2 / (m1 * m2)"
_SUM = f"({_NORMS}).sum(axis=k.dim)"
_MAXIMA = "np.maximum(norm(x1, k.dim), k.eps), np.maximum(norm(x2, k.dim), k.eps)"
_OWN_AND_OTHER = "np.maximum(norm(x, k.dim), k.eps), np.maximum(norm(y, k.dim), k.eps)"
_BRACKET = "(y / (m * my) - cos * x / (or_one(n) * m))"
_DI1 = "dI1 = dO * (I2 / (|I1| |I2|) - O * I1 / |I1|^2)"

_COSINE = (
    Mistake(
        "norms-missing",
        {
            "out": (((_NORMS, "x1 * x2"),), ((_NORMS, "x1 * x2 / m1"),), ((_NORMS, "x1 * x2 / m2"),)),
            **_both((("(y / (m * my)", "(y"),), (("(y / (m * my)", "(y / m"),), (("(y / (m * my)", "(y / my"),)),
        },
        "always",
        "the product is not divided by both lengths: this is the dot product, or that of one unit vector",
        "O = sum of I1 I2 / (|I1| |I2|)",
    ),
    Mistake(
        "root-missing",
        {
            "out": (((_NORMS, "x1 * x2 / (m1 * m2) ** 2"),), ((_NORMS, "x1 * x2 / np.sqrt(m1 * m2)"),)),
            **_both((("(y / (m * my)", "(y / (m * my) ** 2"),)),
        },
        "always",
        "the length of a vector is the root of the sum of its squares: here it is missing, or taken twice",
        "|I| = sqrt(sum of I^2)",
    ),
    Mistake(
        "wrong-axis",
        {
            "out": tuple((("k.dim", axis),) for axis in ("0", "1", "-1", "None")),
            **_both(*(
                (("norm(x, k.dim)", f"norm(x, {axis})"), ("norm(y, k.dim)", f"norm(y, {axis})"), ("axis=k.dim", f"axis={axis}"))
                for axis in ("0", "1", "-1", "None")
            )),
        },
        "dim is another axis",
        "the vectors are taken along another axis than dim, or the whole array for one vector",
        "sum(axis=dim)",
    ),
    Mistake(
        "eps-missing",
        {"out": ((("np.maximum(norm(x1, k.dim), k.eps)", "norm(x1, k.dim)"), ("np.maximum(norm(x2, k.dim), k.eps)", "norm(x2, k.dim)")),),
         **_both(((_OWN_AND_OTHER, "norm(x, k.dim), norm(y, k.dim)"),))},
        "a vector is shorter than eps",
        "the length of a vector of zeros is 0, and 0/0 is NaN",
        "np.maximum(|I|, eps) for each of the two lengths",
        styles=("kinks",),
    ),
    Mistake(
        "eps-elsewhere",
        {
            "out": (
                ((_NORMS, "x1 * x2 / np.maximum(norm(x1, k.dim) * norm(x2, k.dim), k.eps)"),),
                ((_MAXIMA, "norm(x1, k.dim) + k.eps, norm(x2, k.dim) + k.eps"),),
                ((_NORMS, "x1 * x2 / (norm(x1, k.dim) * norm(x2, k.dim) + k.eps)"),),
                ((_MAXIMA, "np.sqrt(norm(x1, k.dim) ** 2 + k.eps), np.sqrt(norm(x2, k.dim) ** 2 + k.eps)"),),
            ),
            **_both(
                (("(m * my)", "np.maximum(n * norm(y, k.dim), k.eps)"), ("or_one(n) * m", "or_one(n) ** 2")),
                ((_OWN_AND_OTHER, "norm(x, k.dim) + k.eps, norm(y, k.dim) + k.eps"),),
                (("(m * my)", "(n * norm(y, k.dim) + k.eps)"), ("or_one(n) * m", "or_one(n) ** 2")),
            ),
        },
        "a vector is shorter than eps, or eps is not small",
        "eps is added, or is the least value of the product; torch puts it in the place of each length that is smaller",
        "np.maximum(|I1|, eps) * np.maximum(|I2|, eps)",
        styles=("kinks",),
    ),
    *norm_path(_PAIR, "or_one(n)", "(or_one(n) * m)", "(m * my)", _DI1),
    Mistake(
        "eps-stops-gradient",
        _both((("cos * x", "(n > k.eps) * cos * x"),)),
        "a vector is shorter than eps",
        "the gradient of the length is 0 where eps takes its place; torch goes on as if it did not",
        "dI1 = dO * (I2 / (m1 m2) - O * I1 / (|I1| m1)) with m = max(|I|, eps)",
        convention=True,
    ),
    Mistake(
        "gradients-exchanged",
        _both(((("(\"dx1\", x1, x2), (\"dx2\", x2, x1)"), "(\"dx1\", x2, x1), (\"dx2\", x1, x2)"),)),
        "always",
        "the gradient of I1 is returned for that of I2, and the other way round",
        "dI1, dI2 in the order of the inputs",
    ),
    Mistake(
        "upstream-ignored",
        _both((("np.expand_dims(dout, k.dim) * ", ""),)),
        "dO is not 1",
        "the gradient that comes from above is left out",
        _DI1,
    ),
    Mistake(
        "gradient-sign",
        _both(((_BRACKET, f"-{_BRACKET}"),)),
        "always",
        "the gradient has the wrong sign: it is that of the distance 1 - cos",
        _DI1,
    ),
    Mistake(
        "distance-for-similarity",
        {"out": (
            ((_SUM, f"1 - {_SUM}"),),
            ((_SUM, f"np.arccos(np.clip({_SUM}, -1, 1))"),),
        )},
        "always",
        "1 - cos is the distance, and the arc cosine the angle; the similarity is the cosine itself",
        "O = sum of I1 I2 / (|I1| |I2|)",
    ),
)  # fmt: skip

_POWERS = "(size**k.p).sum(axis=-1, keepdims=True) ** (1 / k.p)"
_SHARE = "(size / O) ** (k.p - 1)"

_PAIRWISE = (
    Mistake(
        "eps-missing",
        {"out": (((" + k.eps", ""),),), **_both(((" + k.eps", ""),))},
        "always",
        "torch adds eps to each difference before the norm is taken",
        "d = I1 - I2 + eps",
    ),
    Mistake(
        "eps-elsewhere",
        {
            "out": (
                (("np.abs(x1 - x2 + k.eps)", "np.abs(x1 - x2) + k.eps"),),
                ((" + k.eps", ""), ("    return O if k.keepdim", "    O = O + k.eps\n    return O if k.keepdim")),
                ((" + k.eps", ""), (_POWERS, "((size**k.p).sum(axis=-1, keepdims=True) + k.eps) ** (1 / k.p)")),
                (("x1 - x2", "x2 - x1"),),
            ),
            **_both(((" + k.eps", ""), (_SHARE, "(size / (O + k.eps)) ** (k.p - 1)")),
                    (("size = np.abs(d)", "size = np.abs(x1 - x2) + k.eps"),)),
        },
        "always",
        "eps is added to the size of the difference, to the sum or to the norm, or to I2 - I1; torch adds it to I1 - I2",
        "d = I1 - I2 + eps, then the norm of d",
    ),
    Mistake(
        "root-missing",
        {
            "out": (((" ** (1 / k.p)", ""),), ((" ** (1 / k.p)", " / k.p"),)),
            **_both(((_SHARE, "size ** (k.p - 1)"),), ((_SHARE, "k.p * size ** (k.p - 1)"),)),
        },
        "p > 1",
        "the p-th root is missing: this is the sum of the powers, or its derivative",
        "O = (sum of |d|^p)^(1/p), dI1 = dO * sign(d) * (|d| / O)^(p-1)",
        _root,
    ),
    Mistake(
        "chain-rule-of-root",
        _both(
            ((_SHARE, f"{_SHARE} / k.p"),),
            ((_SHARE, f"k.p * {_SHARE}"),),
            ((_SHARE, "size ** (k.p - 1) / O ** k.p"),),
            ((_SHARE, "size ** (k.p - 1) / O"),),
        ),
        "p > 1",
        "the derivative of the root is O^(1-p) / p, that of the powers p |d|^(p-1): one of these factors is wrong",
        "dI1 = dO * sign(d) * (|d| / O)^(p-1), which is dO * d / O for p = 2",
        _root,
    ),
    Mistake(
        "p-ignored",
        {
            "out": ((("k.p == math.inf", "False"), ("k.p", "2")), (("k.p == math.inf", "False"), ("k.p", "1"))),
            **_both((("k.p == math.inf", "False"), ("k.p", "2")), (("k.p == math.inf", "False"), ("k.p", "1"))),
        },
        "p is not the one that is built in",
        "p has no effect: the Euclidean distance (p = 2), or the sum of the differences (p = 1), is always computed",
        "O = (sum of |d|^p)^(1/p)",
    ),
    Mistake(
        "infinity-not-special",
        {"out": ((("k.p == math.inf", "False"),),), **_both((("k.p == math.inf", "False"),))},
        "p = inf",
        "the formula of the powers is used for p = inf, where it gives 1 or NaN: the largest difference is meant",
        "O = np.abs(d).max(axis=-1) for p = inf",
        lambda facts: facts["p"] == math.inf,
    ),
    Mistake(
        "wrong-axis",
        {
            "out": tuple((("axis=-1", axis), ("O[..., 0]", after)) for axis, after in (("axis=0", "O[0]"), ("axis=None", "O.ravel()[0]"))),
            **_both(*((("axis=-1", axis),) for axis in ("axis=0", "axis=None"))),
        },
        "more than one vector",
        "the norm is taken over the batch or the whole array: there is one distance for each pair of vectors",
        "sum(axis=-1)",
        lambda facts: "C" in facts,
    ),
    Mistake(
        "keepdim-ignored",
        {"out": ((("if k.keepdim", "if False"),), (("if k.keepdim", "if True"),))},
        "keepdim is not the one that is built in",
        "keepdim has no effect on the shape of the result",
        "(N, 1) for keepdim = true, (N,) for false",
    ),
    Mistake(
        "absolute-value-missing",
        {"out": ((("np.abs(x1 - x2 + k.eps)", "x1 - x2 + k.eps"),),), **_both((("size = np.abs(d)", "size = d"),))},
        "p is odd or no whole number",
        "the power is taken of the difference with its sign: only even powers lose it",
        "|d|^p",
        lambda facts: _odd(facts) or facts["p"] == math.inf,
    ),
    Mistake(
        "sign-missing",
        _both((("np.sign(d) * ", ""),), (("np.sign(d) * (", "np.sign(d) ** 2 * ("),)),
        "a difference is negative",
        "the sign of the difference is missing in the gradient, or is there twice",
        "dI1 = dO * sign(d) * (|d| / O)^(p-1)",
    ),
    Mistake(
        "gradient-sign",
        {"dx1": ((('"dx1": each', '"dx1": -each'),),), "dx2": ((('"dx2": -each', '"dx2": each'),),)},
        "always",
        "the gradient has the wrong sign: in d = I1 - I2 that of I2 is the negative of that of I1",
        "dI2 = -dI1",
    ),
    Mistake(
        "upstream-ignored",
        _both((("upstream(dout, k) * ", ""),)),
        "dO is not 1",
        "the gradient that comes from above is left out",
        "dI1 = dO * sign(d) * (|d| / O)^(p-1)",
    ),
)  # fmt: skip

_COSINE_KERNELS: dict[str, Callable] = {"out": cosine_out, "dx1": cosine_gradients, "dx2": cosine_gradients}
_PAIRWISE_KERNELS: dict[str, Callable] = {"out": pairwise_out, "dx1": pairwise_gradients, "dx2": pairwise_gradients}

FAMILIES = (
    Family(_COSINE_KERNELS, _COSINE, specs=("CosineSimilarity",)),
    Family(_PAIRWISE_KERNELS, _PAIRWISE, specs=("PairwiseDistance",)),
)
