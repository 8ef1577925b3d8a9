"""Layers beside the usual ones, all right; arguments and attributes as people call them."""

import numpy as np


class LayerNormalization:
    def __init__(self, normalized_shape, eps=1e-5):
        self.gamma, self.beta, self.eps = np.ones(normalized_shape), np.zeros(normalized_shape), eps

    def forward(self, x):
        self.std = np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)
        self.xhat = (x - x.mean(axis=-1, keepdims=True)) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.xhat).sum(axis=0), dout.sum(axis=0)
        d = dout * self.gamma
        return (d - d.mean(-1, keepdims=True) - self.xhat * (d * self.xhat).mean(-1, keepdims=True)) / self.std


class Glu:
    def forward(self, x):
        self.a, b = np.split(x, 2, axis=-1)
        self.s = 1 / (1 + np.exp(-b))
        return self.a * self.s

    def backward(self, dout):
        return np.concatenate([dout * self.s, dout * self.a * self.s * (1 - self.s)], axis=-1)


class Threshold:
    def __init__(self, threshold, value):
        self.threshold, self.value = threshold, value

    def forward(self, x):
        self.kept = x > self.threshold
        return np.where(self.kept, x, self.value)

    def backward(self, dout):
        return dout * self.kept


class PReLU:
    def __init__(self):
        self.w = np.array([0.25])

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.w * x)

    def backward(self, dout):
        self.dw = np.array([(dout * np.minimum(self.x, 0)).sum()])
        return dout * np.where(self.x > 0, 1, self.w)


class Softmin:
    def forward(self, x):
        e = np.exp(x.min(axis=1, keepdims=True) - x)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, dout):
        return -self.p * (dout - (dout * self.p).sum(axis=1, keepdims=True))


class Dropout2D:
    def __init__(self, drop_prob=0.5):
        self.p = drop_prob

    def forward(self, x, training=True):
        self.mask = np.ones(x.shape[:2] + (1, 1))
        if training:
            self.mask = (np.random.rand(*self.mask.shape) >= self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Embedding_Layer:
    def __init__(self, vocab_size, embed_dim):
        self.W = np.random.randn(vocab_size, embed_dim)

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)


class PixelShuffle:
    def __init__(self, r):
        self.r = r

    def forward(self, x):
        n, c, h, w = x.shape
        self.shape, r = x.shape, self.r
        return x.reshape(n, c // r**2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // r**2, h * r, w * r)

    def backward(self, dout):
        n, c, h, w = self.shape
        r = self.r
        return dout.reshape(n, c // r**2, h, r, w, r).transpose(0, 1, 3, 5, 2, 4).reshape(self.shape)


class Bilinear:
    def __init__(self, in1_features, in2_features, out_features):
        self.W = np.random.randn(out_features, in1_features, in2_features)
        self.b = np.zeros(out_features)

    def forward(self, a, b):
        self.a, self.c = a, b
        return np.einsum("ni,oij,nj->no", a, self.W, b) + self.b

    def backward(self, dout):
        self.dW, self.db = np.einsum("no,ni,nj->oij", dout, self.a, self.c), dout.sum(axis=0)
        return np.einsum("no,oij,nj->ni", dout, self.W, self.c), np.einsum("no,oij,ni->nj", dout, self.W, self.a)


class BinaryCrossEntropy:
    def forward(self, p, y):
        self.p, self.y = p, y
        with np.errstate(divide="ignore"):
            log_p, log_q = np.maximum(np.log(p), -100), np.maximum(np.log(1 - p), -100)
        return -np.mean(y * log_p + (1 - y) * log_q)

    def backward(self):
        return (self.p - self.y) / np.maximum(self.p * (1 - self.p), 1e-12) / self.p.size


class Huber:
    def __init__(self, delta=1.0):
        self.delta = delta

    def forward(self, y_pred, y_true):
        self.r = y_pred - y_true
        a = np.abs(self.r)
        return np.mean(np.where(a <= self.delta, 0.5 * a**2, self.delta * (a - 0.5 * self.delta)))

    def backward(self):
        return np.clip(self.r, -self.delta, self.delta) / self.r.size


class MarginRanking:
    def __init__(self, margin=0.0):
        self.margin = margin

    def forward(self, x1, x2, y):
        self.y = y
        self.cost = np.maximum(0, -y * (x1 - x2) + self.margin)
        self.on = -y * (x1 - x2) + self.margin > 0
        return self.cost.mean()

    def backward(self, dout):
        g = -dout * self.y * self.on / self.y.size
        return g, -g


class RNNCell:
    def __init__(self, input_size, hidden_size):
        self.Wx = np.random.randn(input_size, hidden_size)
        self.Wh = np.random.randn(hidden_size, hidden_size)
        self.b = np.zeros(hidden_size)

    def forward(self, x, h_prev):
        self.x, self.h_prev = x, h_prev
        self.h = np.tanh(x @ self.Wx + h_prev @ self.Wh + self.b)
        return self.h

    def backward(self, dh):
        dz = dh * (1 - self.h**2)
        self.dWx, self.dWh, self.db = self.x.T @ dz, self.h_prev.T @ dz, dz.sum(axis=0)
        return dz @ self.Wx.T, dz @ self.Wh.T


class LSTMCell:
    """Gates in torch's order: i, f, g, o."""

    def __init__(self, input_size, hidden_size):
        self.W_ih = np.random.randn(4 * hidden_size, input_size)
        self.W_hh = np.random.randn(4 * hidden_size, hidden_size)
        self.b_ih = np.zeros(4 * hidden_size)
        self.b_hh = np.zeros(4 * hidden_size)

    def forward(self, x, h, c):
        self.x, self.h, self.c = x, h, c
        i, f, g, o = np.split(x @ self.W_ih.T + h @ self.W_hh.T + self.b_ih + self.b_hh, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        g = np.tanh(g)
        self.c_next = f * c + i * g
        self.gates = i, f, g, o
        return o * np.tanh(self.c_next), self.c_next

    def backward(self, dh_next, dc_next):
        i, f, g, o = self.gates
        t = np.tanh(self.c_next)
        dc = dc_next + dh_next * o * (1 - t**2)
        dz = np.hstack([dc * g * i * (1 - i), dc * self.c * f * (1 - f), dc * i * (1 - g**2),
                        dh_next * t * o * (1 - o)])  # fmt: skip
        self.dW_ih, self.dW_hh = dz.T @ self.x, dz.T @ self.h
        self.db_ih = self.db_hh = dz.sum(axis=0)
        return dz @ self.W_ih, dz @ self.W_hh, dc * f


class RNN:
    """One layer over (seq, batch, features)."""

    def __init__(self, input_size, hidden_size):
        self.W_ih = np.random.randn(hidden_size, input_size)
        self.W_hh = np.random.randn(hidden_size, hidden_size)
        self.b_ih, self.b_hh = np.zeros(hidden_size), np.zeros(hidden_size)

    def forward(self, x, h0):
        self.x, self.hs = x, [h0[0]]
        for x_t in x:
            self.hs.append(np.tanh(x_t @ self.W_ih.T + self.hs[-1] @ self.W_hh.T + self.b_ih + self.b_hh))
        return np.stack(self.hs[1:]), self.hs[-1][None]

    def backward(self, dout, dh_n):
        dx, dh = np.zeros_like(self.x), dh_n[0]
        self.dW_ih, self.dW_hh = np.zeros_like(self.W_ih), np.zeros_like(self.W_hh)
        self.db_ih = np.zeros_like(self.b_ih)
        for t in reversed(range(len(self.x))):
            dz = (dh + dout[t]) * (1 - self.hs[t + 1] ** 2)
            self.dW_ih += dz.T @ self.x[t]
            self.dW_hh += dz.T @ self.hs[t]
            self.db_ih += dz.sum(axis=0)
            dx[t], dh = dz @ self.W_ih, dz @ self.W_hh
        self.db_hh = self.db_ih
        return dx, dh[None]


class TripletLoss:
    def __init__(self, margin=1.0):
        self.margin = margin

    def forward(self, anchor, pos, neg):
        self.p, self.n = anchor - pos + 1e-6, anchor - neg + 1e-6
        self.dp, self.dn = np.sqrt((self.p**2).sum(-1)), np.sqrt((self.n**2).sum(-1))
        self.on = self.dp - self.dn + self.margin > 0
        return np.mean(np.maximum(self.dp - self.dn + self.margin, 0))

    def backward(self, dout):
        scale = (dout * self.on / self.on.size)[..., None]
        p, n = scale * self.p / self.dp[..., None], scale * self.n / self.dn[..., None]
        return p - n, -p, n
