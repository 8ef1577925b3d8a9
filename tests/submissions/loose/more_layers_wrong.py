"""Three of the less usual layers, each with a mistake, beside one that is right."""

import numpy as np


class GLU:
    def forward(self, x):
        a, self.b = np.split(x, 2, axis=-1)
        self.a = 1 / (1 + np.exp(-a))  # the gate is the second half
        return self.a * self.b

    def backward(self, dout):
        return np.concatenate([dout * self.b * self.a * (1 - self.a), dout * self.a], axis=-1)


class CosineSimilarity:
    def forward(self, x1, x2):
        self.n1 = np.sqrt((x1**2).sum(axis=1, keepdims=True))
        self.n2 = np.sqrt((x2**2).sum(axis=1, keepdims=True))
        self.x1, self.x2 = x1, x2
        return ((x1 * x2).sum(axis=1, keepdims=True) / self.n1 / self.n2)[:, 0]

    def backward(self, dout):
        d = dout[:, None] / self.n1 / self.n2
        return d * self.x2, d * self.x1  # the norms depend on the inputs too


class GRUCell:
    """Gates in torch's order: r, z, n."""

    def __init__(self, input_size, hidden_size):
        self.weight_ih = np.random.randn(3 * hidden_size, input_size)
        self.weight_hh = np.random.randn(3 * hidden_size, hidden_size)
        self.bias_ih, self.bias_hh = np.zeros(3 * hidden_size), np.zeros(3 * hidden_size)

    def forward(self, x, hx):
        self.x, self.hx = x, hx
        xr, xz, xn = np.split(x @ self.weight_ih.T + self.bias_ih, 3, axis=1)
        hr, hz, hn = np.split(hx @ self.weight_hh.T + self.bias_hh, 3, axis=1)
        self.r, self.z, self.hn = 1 / (1 + np.exp(-xr - hr)), 1 / (1 + np.exp(-xz - hz)), hn
        self.n = np.tanh(xn + self.r * hn)
        return self.z * self.n + (1 - self.z) * hx  # z keeps the old state

    def backward(self, dh):
        dn = dh * self.z * (1 - self.n**2)
        dz = dh * (self.n - self.hx) * self.z * (1 - self.z)
        dr = dn * self.hn * self.r * (1 - self.r)
        dx, dhid = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * self.r])
        self.dweight_ih, self.dweight_hh = dx.T @ self.x, dhid.T @ self.hx
        self.dbias_ih, self.dbias_hh = dx.sum(axis=0), dhid.sum(axis=0)
        return dx @ self.weight_ih, dhid @ self.weight_hh + dh * (1 - self.z)


class SmoothL1:
    def forward(self, x, target):
        self.r = x - target
        a = np.abs(self.r)
        return np.mean(np.where(a < 1, 0.5 * a**2, a - 0.5))

    def backward(self):
        return np.clip(self.r, -1, 1) / self.r.size
