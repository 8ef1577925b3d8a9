import numpy as np


def linear_forward(A_prev, W, b):
    return W @ A_prev + b, (A_prev, W, b)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = dZ @ A_prev.T / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return W.T @ dZ / m, dW, db
