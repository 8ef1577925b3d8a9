import numpy as np


def _window(i, j, w, stride):
    return np.s_[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height, width = padded.shape[2] - w.shape[2], padded.shape[3] - w.shape[3]
    assert height % stride == 0, "height does not work"
    assert width % stride == 0, "width does not work"
    out = np.zeros((len(x), len(w), height // stride + 1, width // stride + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = np.tensordot(padded[_window(i, j, w, stride)], w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (x, padded, w, conv_param)


def conv_backward_naive(dout, cache):
    x, padded, w, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            place = _window(i, j, w, stride)
            dpadded[place] += np.tensordot(dout[:, :, i, j], w, 1)
            dw += np.tensordot(dout[:, :, i, j].T, padded[place], 1)
    return dpadded[:, :, 1:-1, 1:-1], dw, dout.sum(axis=(0, 2, 3))
