"""CTCLoss: the kernel of its mistakes, and what may stand in it by mistake.

e             the labels with a blank before, between and after them
alpha[t,s]  = I[t,e[s]] + log(exp alpha[t-1,s] + exp alpha[t-1,s-1] + exp alpha[t-1,s-2]), the last one only where e[s]
              is neither the blank nor e[s-2];  alpha[0,0] = I[0,e[0]], alpha[0,1] = I[0,e[1]]
L           = -log(exp alpha[T-1,2S] + exp alpha[T-1,2S-1])
dI[t,c]     = dL * (exp I[t,c] - sum over e[s] = c of exp(alpha[t,s] + beta[t,s] + L - I[t,c]))

Source: Graves, Fernandez, Gomez and Schmidhuber 2006.
"""

from __future__ import annotations

import numpy as np

# ---- k: blank, reduction, zero_infinity


def ctc(x, target, input_lengths, target_lengths, dout, k):
    def beginnings(y, e):
        alpha = np.full((len(y), len(e)), -np.inf)
        alpha[0, :2] = y[0, e[:2]]
        skips = np.append([False, False], (e[2:] != k.blank) & (e[2:] != e[:-2]))[: len(e)]
        for t in range(1, len(y)):
            before = np.append([-np.inf, -np.inf], alpha[t - 1])
            alpha[t] = y[t, e] + log_sum(before[2:], before[1:-1], np.where(skips, before[:-2], -np.inf))
        return alpha

    frames, labels = x.reshape(len(x), -1, x.shape[-1]), target.reshape(-1, target.shape[-1])
    losses, dx, dout = np.zeros(len(labels)), np.zeros(frames.shape), np.broadcast_to(dout, len(labels))
    for n, (T, S) in enumerate(zip(input_lengths.reshape(-1), target_lengths.reshape(-1))):
        y, e = frames[:T, n], np.full(2 * S + 1, k.blank)
        e[1::2] = labels[n, :S]
        alpha, beta = beginnings(y, e), beginnings(y[::-1], e[::-1])[::-1, ::-1]
        loss = -log_sum(*alpha[-1, -2:])
        if k.zero_infinity and np.isinf(loss):
            continue
        of_class = np.full(y.shape, -np.inf)
        np.logaddexp.at(of_class.T, e, (alpha + beta).T)
        D = len(losses) * max(S, 1) if k.reduction == "mean" else 1
        losses[n] = loss / D
        dx[:T, n] = dout[n] * (np.exp(y) - np.exp(of_class + loss - y)) / D
    out = losses.reshape(target_lengths.shape) if k.reduction == "none" else losses.sum()
    return {"out": out, "dx": dx.reshape(x.shape)}


def log_sum(*logs):
    """log of the sum of the exponentials, -inf where all of them are 0"""
    total = logs[0]
    for log in logs[1:]:
        total = np.logaddexp(total, log)
    return total


def log_sum_as_it_stands(*logs):
    """-inf where all of them are very small"""
    return np.log(sum(np.exp(log) for log in logs))


def log_sum_less_infinity(*logs):
    """NaN where all of them are 0"""
    most = np.max(logs, axis=0)
    return most + np.log(sum(np.exp(log - most) for log in logs))


def largest(*logs):
    return np.max(logs, axis=0)


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
