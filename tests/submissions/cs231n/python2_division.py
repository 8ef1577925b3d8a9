import numpy as np


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant")
    height = 1 + (padded.shape[2] - w.shape[2]) / stride
    width = 1 + (padded.shape[3] - w.shape[3]) / stride
    out = np.zeros((len(x), len(w), height, width))
    for i in xrange(height):  # noqa: F821
        for j in xrange(width):  # noqa: F821
            window = padded[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
            out[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (x, w, b, conv_param)


def word_embedding_forward(x, W):
    out = np.zeros(x.shape + W.shape[1:])
    for n in xrange(len(x)):  # noqa: F821
        out[n] = W[x[n]]
    return out, (x, W)
