import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class RNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(each) for each in self.params]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        h_next = np.tanh(x @ Wx + h_prev @ Wh + b)
        self.cache = x, h_prev, h_next
        return h_next

    def backward(self, dh_next):
        Wx, Wh, _ = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next)**2
        for kept, grad in zip(self.grads, (x.T @ dt, h_prev.T @ dt, dt.sum(axis=0))):
            kept[...] = grad
        return dt @ Wx.T, dt @ Wh.T


class LSTM:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(each) for each in self.params]
        self.cache = None

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        i, o, f, g = np.split(x @ Wx + h_prev @ Wh + b, 4, axis=1)
        i, o, f, g = sigmoid(i), sigmoid(o), sigmoid(f), np.tanh(g)
        c_next = f * c_prev + i * g
        self.cache = x, h_prev, c_prev, i, o, f, g, c_next
        return o * c_next, c_next

    def backward(self, dh_next, dc_next):
        Wx, Wh, _ = self.params
        x, h_prev, c_prev, i, o, f, g, c_next = self.cache
        ds = dc_next + dh_next * o * (1 - np.tanh(c_next) ** 2)
        do = dh_next * np.tanh(c_next)
        gates = (ds * g * i * (1 - i), do * o * (1 - o), ds * c_prev * f * (1 - f), ds * i * (1 - g**2))
        dA = np.hstack(gates)
        for kept, grad in zip(self.grads, (x.T @ dA, h_prev.T @ dA, dA.sum(axis=0))):
            kept[...] = grad
        return dA @ Wx.T, dA @ Wh.T, ds * f
