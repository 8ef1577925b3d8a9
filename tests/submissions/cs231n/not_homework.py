import numpy as np


def relu_forward(x):
    return np.maximum(0, x)


def relu_backward(dout, x):
    return dout * (x > 0)


def layernorm_forward(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) + beta, None


def dropout_forward(x, p, training=True):
    return x * (np.random.rand(*x.shape) > p) / (1 - p) if training else x, None


def rnn_forward(x, Wxh, Whh, bh, h0):
    h = h0
    for step in x:
        h = np.tanh(step @ Wxh + h @ Whh + bh)
    return h


def adam(params, grads, state):
    return params
