"""CTCLoss: what people get wrong in it. The kernel, with the letters of the formulas, is in loss_ctc_kernel."""

from __future__ import annotations

from oracle.mistakes.kernel import Edit, Family, Mistake, Variants
from oracle.mistakes.loss_ctc_kernel import ctc
from oracle.mistakes.loss_shared import averaged, in_all, large


def _both(*ways: Edit) -> dict[str, Variants]:
    return in_all(("out", "dx"), *ways)


_BODY = "dout, k):\n"
_D = 'len(losses) * max(S, 1) if k.reduction == "mean" else 1'
_SKIPS = "(e[2:] != k.blank) & (e[2:] != e[:-2])"
_START = "alpha[0, :2] = y[0, e[:2]]"
_END = "alpha[-1, -2:]"
_OUT = 'losses.reshape(target_lengths.shape) if k.reduction == "none" else losses.sum()'

MISTAKES = (
    Mistake(
        "skips-between-equal-labels",
        _both((_SKIPS, "e[2:] != k.blank")),
        "a label comes twice in succession",
        "the blank between two equal labels is left out: without it they are one label",
        "s-2 only where e[s] != blank and e[s] != e[s-2]",
    ),
    Mistake(
        "skips-labels",
        _both((_SKIPS, "e[2:] >= 0"), (_SKIPS, "e[2:] == k.blank")),
        "always",
        "a step of two places goes from blank to blank, and leaves out a label",
        "s-2 only where e[s] != blank and e[s] != e[s-2]",
    ),
    Mistake(
        "never-skips",
        _both((_SKIPS, "e[2:] < 0")),
        "more than one label",
        "the blank between two different labels cannot be left out",
        "alpha[t,s] adds exp alpha[t-1,s-2] where e[s] != blank and e[s] != e[s-2]",
    ),
    Mistake(
        "blank-ignored",
        _both(("k.blank", "0"), ("k.blank", "(x.shape[-1] - 1)")),
        "blank is not the one that is built in",
        "the blank argument has no effect: the first class is the blank, or the last one",
        "e = blank, label, blank, ..., with the argument's blank",
    ),
    Mistake(
        "start-states",
        _both(
            (_START, "alpha[0, :1] = y[0, e[:1]]"),
            (_START, "alpha[0, 1:2] = y[0, e[1:2]]"),
            (_START, "alpha[0] = y[0, e]"),
        ),
        "always",
        "an alignment begins with a blank or with the first label: one of the two is missing, or it begins anywhere",
        "alpha[0,0] = I[0,e[0]], alpha[0,1] = I[0,e[1]], all others log 0",
    ),
    Mistake(
        "end-states",
        _both((_END, "alpha[-1, -1:]"), (_END, "alpha[-1, -2:-1]"), (_END, "alpha[-1]")),
        "always",
        "an alignment ends with the last label or with a blank: one of the two is missing, or it ends anywhere",
        "L = -log(exp alpha[T-1,2S] + exp alpha[T-1,2S-1])",
    ),
    Mistake(
        "best-alignment-only",
        _both(("log_sum(", "largest(")),
        "always",
        "the most probable alignment is taken; the loss sums over all of them",
        "log(exp a + exp b): np.logaddexp(a, b), not np.maximum(a, b)",
    ),
    Mistake(
        "log-sum-exp-not-shifted",
        _both(("log_sum(", "log_sum_as_it_stands(")),
        "very small probabilities",
        "exp of a very small logarithm is 0, and its logarithm -inf: the probability of a long sequence is lost",
        "np.logaddexp(a, b), which takes the larger one out first",
        large,
        styles=("large",),
    ),
    Mistake(
        "infinity-less-infinity",
        _both(("log_sum(", "log_sum_less_infinity(")),
        "a place cannot be reached yet",
        "where all terms are log 0 = -inf the largest one is taken out of them, and -inf - -inf is NaN",
        "np.logaddexp(a, b), or -inf where the largest one is -inf",
    ),
    Mistake(
        "finite-for-infinity",
        _both(*(("(len(y), len(e)), -np.inf", f"(len(y), len(e)), {lowest}") for lowest in ("-1e5", "-1e9", "-1e30"))),
        "fewer frames than labels need",
        "a large negative number takes the place of log 0: the loss is large where no alignment fits, and not infinite",
        "alpha = np.full(..., -np.inf)",
    ),
    Mistake(
        "zero-infinity-ignored",
        _both(("k.zero_infinity and", "False and")),
        "zero_infinity = true, fewer frames than labels need",
        "zero_infinity has no effect on a loss that is infinite, or on its gradient",
        "0 for the loss and for its gradient where no alignment fits",
        lambda facts: facts["zero_infinity"],
    ),
    Mistake(
        "zero-infinity-always",
        _both(("k.zero_infinity and", "True and")),
        "zero_infinity = false, fewer frames than labels need",
        "an infinite loss is made 0 without being asked to",
        "inf where no alignment fits, and NaN for its gradient",
        lambda facts: not facts["zero_infinity"],
    ),
    Mistake(
        "input-lengths-ignored",
        dict.fromkeys(("out", "dx"), ((("frames[:T, n]", "frames[:, n]"), ("dx[:T, n]", "dx[:, n]")),)),
        "an input length is below T",
        "frames beyond the length of a sequence are used",
        "I[:input_lengths[n], n]",
    ),
    Mistake(
        "target-lengths-ignored",
        _both(("y, e = ", "S = labels.shape[1]; y, e = ")),
        "a target length is below that of the longest",
        "labels beyond the length of a target are used",
        "target[n, :target_lengths[n]]",
    ),
    Mistake(
        "lengths-not-divided",
        _both((_D, _D.replace(" * max(S, 1)", ""))),
        "reduction = mean, more than one label",
        "each loss is divided by the number of its labels before the mean is taken: that division is missing",
        "(losses / target_lengths).mean()",
        averaged,
    ),
    Mistake(
        "divided-by-all-lengths",
        _both((_D, _D.replace("len(losses) * max(S, 1)", "target_lengths.sum()"))),
        "reduction = mean, N > 1",
        "the sum of the losses is divided by that of the lengths; each loss is divided by its own length first",
        "(losses / target_lengths).mean()",
        averaged,
    ),
    Mistake(
        "divided-by-frames",
        _both((_D, _D.replace("max(S, 1)", "T"))),
        "reduction = mean",
        "each loss is divided by the number of its frames; it is that of its labels",
        "(losses / target_lengths).mean()",
        averaged,
    ),
    Mistake(
        "missing-batch-mean",
        _both((_D, _D.replace("len(losses) * ", "")), (_D, "1")),
        "reduction = mean, N > 1",
        "the sum is returned where torch takes the mean; its gradient then lacks the 1/N",
        "(losses / target_lengths).mean()",
        averaged,
        convention=True,
    ),
    Mistake(
        "extra-batch-mean",
        _both((_D, "len(losses)"), (_D, "len(losses) * max(S, 1)"), (_D, f"len(losses) * ({_D})")),
        "N > 1",
        "the division by N is made once too often, or where the reduction is no mean",
        "divide by N once, for reduction=mean alone",
        convention=True,
    ),
    Mistake(
        "reduction-ignored",
        {"out": (
            ((_OUT, "losses.sum()"),),
            ((_OUT, "losses.reshape(target_lengths.shape)"),),
        )},
        "reduction is not the one that is built in",
        "the reduction argument has no effect",
        "mean, sum, or every loss by itself, as reduction says",
    ),
    Mistake(
        "softmax-included",
        _both((_BODY, f"{_BODY}    x = log_softmax(x)\n")),
        "the frames are not normalised",
        "a log-softmax is part of the loss; torch's is given logarithms of probabilities, and leaves them as they are",
        "log_softmax outside of the loss",
        convention=True,
    ),
    Mistake(
        "input-taken-for-probability",
        _both((_BODY, f"{_BODY}    x = np.log(x)\n")),
        "always",
        "the logarithm of I is taken, which is the logarithm of a probability already",
        "alpha[t,s] = I[t,e[s]] + log(...)",
    ),
    Mistake(
        "wrong-function",
        {"out": (
            (("losses[n] = loss", "losses[n] = np.exp(-loss)"),),
            (("losses[n] = loss", "losses[n] = 1 - np.exp(-loss)"),),
            (("y[t, e] + log_sum(", "y[t, e] * log_sum("),),
        )},
        "always",
        "another function than the negative logarithm of the summed probability is computed",
        "L = -log(exp alpha[T-1,2S] + exp alpha[T-1,2S-1])",
    ),
    Mistake(
        "loss-sign",
        {"out": ((("losses[n] = loss", "losses[n] = -loss"),),)},
        "always",
        "the loss has the wrong sign: the logarithm of a probability is negative",
        "L = -log(exp alpha[T-1,2S] + exp alpha[T-1,2S-1])",
    ),
    Mistake(
        "gradient-sign",
        {"dx": ((("dout[n] * ", "-dout[n] * "),),)},
        "always",
        "the gradient has the wrong sign",
        "dI = dL * (exp I - the part of the alignments that have class c in frame t)",
    ),
    Mistake(
        "upstream-ignored",
        {"dx": ((("dout[n] * ", ""),),)},
        "dL is not 1",
        "the gradient that comes from above is left out",
        "dI = dL * (exp I - ...)",
    ),
    Mistake(
        "softmax-missing-in-gradient",
        {"dx": ((("np.exp(y) - np.exp(of_class", "-np.exp(of_class"),),)},
        "always",
        "exp I is missing: torch's gradient is that of the scores before the log-softmax, whose derivative it contains",
        "dI = dL * (exp I - exp(log of the sum of alpha + beta, + L - I))",
        convention=True,
    ),
    Mistake(
        "probability-not-divided",
        {"dx": ((("of_class + loss - y", "of_class - y"),),)},
        "always",
        "the sum over the alignments through a class is not divided by that over all of them, exp(-L)",
        "exp(log of the sum of alpha + beta, + L - I)",
    ),
    Mistake(
        "frame-counted-twice",
        {"dx": ((("of_class + loss - y", "of_class + loss"),), (("of_class + loss - y", "of_class + loss - 2 * y"),))},
        "always",
        "alpha and beta both have the frame t in them: it is taken out once",
        "exp(log of the sum of alpha + beta, + L - I)",
    ),
    Mistake(
        "assign-instead-of-add",
        {"dx": ((("np.logaddexp.at(of_class.T, e, (alpha + beta).T)", "of_class[:, e] = alpha + beta"),),)},
        "a class stands at more than one place, as the blank does",
        "the places of one class do not add up: the last one is kept",
        "np.logaddexp.at(sums.T, e, (alpha + beta).T)",
    ),
)  # fmt: skip

FAMILIES = (Family({"out": ctc, "dx": ctc}, MISTAKES, specs=("CTCLoss",)),)
