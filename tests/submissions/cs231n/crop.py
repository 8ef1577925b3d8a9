import numpy as np


def conv_forward_naive(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param["pad"]
    F, C, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    H_out, W_out = (xp.shape[2] - HH) // s + 1, (xp.shape[3] - WW) // s + 1
    out = np.zeros((len(x), F, H_out, W_out))
    for i in range(H_out):
        for j in range(W_out):
            out[:, :, i, j] = np.tensordot(xp[:, :, i * s : i * s + HH, j * s : j * s + WW], w, ((1, 2, 3), (1, 2, 3)))
    return out + b.reshape(1, -1, 1, 1), (x, w, b, conv_param)


def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    s, p = conv_param["stride"], conv_param["pad"]
    HH, WW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, cols = slice(i * s, i * s + HH), slice(j * s, j * s + WW)
            dw += np.tensordot(dout[:, :, i, j], xp[:, :, rows, cols], (0, 0))
            dxp[:, :, rows, cols] += np.tensordot(dout[:, :, i, j], w, (1, 0))
    return dxp[:, :, p:-p, p:-p], dw, dout.sum(axis=(0, 2, 3))
