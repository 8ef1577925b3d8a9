"""Attention as loops. Q queries (L,d), K keys (S,d), V values (S,e) of one head, O output (L,e), d... gradients.

M (L,S) is added to the scores, -inf hides a key; D (L,S) is what dropout multiplies the weights by, 1 without.

Several heads lie side by side: Q (N,L,E), K and V (N,S,E) hold those of all of them, M and D are (N,H,L,S).
"""

from __future__ import annotations

import math

import numpy as np


def attention_weights(Q: np.ndarray, K: np.ndarray, M: np.ndarray, safe: bool) -> np.ndarray:
    """P[l,s] = exp(z[l,s]) / sum over t of exp(z[l,t]),   z[l,s] = M[l,s] + sum over i of Q[l,i] * K[s,i] / sqrt(d)

    A query whose keys are all hidden gets 0 if safe, else NaN.
    """
    P = np.zeros((len(Q), len(K)), Q.dtype)
    for l in range(len(Q)):
        seen = [s for s in range(len(K)) if M[l, s] != -math.inf]
        if not seen and not safe:
            P[l, :] = math.nan
        z = {s: sum(Q[l, i] * K[s, i] for i in range(Q.shape[1])) / math.sqrt(Q.shape[1]) + M[l, s] for s in seen}
        largest = max(z.values(), default=0)
        total = sum(math.exp(z[s] - largest) for s in seen)
        for s in seen:
            P[l, s] = math.exp(z[s] - largest) / total
    return P


def attention(P: np.ndarray, V: np.ndarray, D: np.ndarray) -> np.ndarray:
    """O[l,e] = sum over s of P[l,s] * D[l,s] * V[s,e]"""
    O = np.zeros((len(P), V.shape[1]), V.dtype)
    for l, e in np.ndindex(O.shape):
        for s in range(len(V)):
            O[l, e] += P[l, s] * D[l, s] * V[s, e]
    return O


def attention_gradients(
    dO: np.ndarray, dW: np.ndarray, P: np.ndarray, Q: np.ndarray, K: np.ndarray, V: np.ndarray, D: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dW (L,S) is the upstream gradient of the weights P * D themselves; -> dQ, dK, dV, and dM, that of the scores:

    dP[l,s] = D[l,s] * (dW[l,s] + sum over e of dO[l,e] * V[s,e]),   dM[l,s] = P[l,s] * (dP[l,s] - sum over t of
    dP[l,t] * P[l,t]),   dQ[l,i] += dM[l,s] * K[s,i] / sqrt(d),   dK[s,i] += dM[l,s] * Q[l,i] / sqrt(d)
    """
    dQ, dK, dV, dM = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V), np.zeros_like(P)
    root = math.sqrt(Q.shape[1])
    for l in range(len(Q)):
        dP = []
        for s in range(len(K)):
            for e in range(V.shape[1]):
                dV[s, e] += P[l, s] * D[l, s] * dO[l, e]
            dP.append(D[l, s] * (dW[l, s] + sum(dO[l, e] * V[s, e] for e in range(V.shape[1]))))
        mean = sum(dP[t] * P[l, t] for t in range(len(K)))
        for s in range(len(K)):
            dM[l, s] = P[l, s] * (dP[s] - mean)
            for i in range(Q.shape[1]):
                dQ[l, i] += dM[l, s] * K[s, i] / root
                dK[s, i] += dM[l, s] * Q[l, i] / root
    return dQ, dK, dV, dM


def heads(
    Q: np.ndarray, K: np.ndarray, V: np.ndarray, M: np.ndarray, D: np.ndarray, safe: bool
) -> tuple[np.ndarray, np.ndarray]:
    """O[n,l,h*d+e] = O of head h at e, whose queries are Q[n,l,h*d+i] for i below d = E / H; K and V alike. -> O, P"""
    O, P = np.zeros_like(Q), np.zeros_like(M)
    for n, h in np.ndindex(M.shape[:2]):
        own = _features(Q, M, h)
        P[n, h] = attention_weights(Q[n, :, own], K[n, :, own], M[n, h], safe)
        O[n, :, own] = attention(P[n, h], V[n, :, own], D[n, h])
    return O, P


def heads_gradients(
    dO: np.ndarray, dW: np.ndarray, P: np.ndarray, Q: np.ndarray, K: np.ndarray, V: np.ndarray, D: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """-> dQ, dK, dV, dM, each head's own"""
    dQ, dK, dV, dM = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V), np.zeros_like(P)
    for n, h in np.ndindex(P.shape[:2]):
        own = _features(Q, P, h)
        letters = (P[n, h], Q[n, :, own], K[n, :, own], V[n, :, own], D[n, h])
        of_head = attention_gradients(dO[n, :, own], dW[n, h], *letters)
        dQ[n, :, own], dK[n, :, own], dV[n, :, own], dM[n, h] = of_head
    return dQ, dK, dV, dM


def _features(Q: np.ndarray, M: np.ndarray, h: int) -> slice:
    """Those of head h."""
    d = Q.shape[2] // M.shape[1]
    return slice(h * d, (h + 1) * d)
