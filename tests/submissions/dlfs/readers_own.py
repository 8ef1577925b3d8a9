import numpy as np


class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x
        self.mask = (np.random.rand(*x.shape) > self.dropout_ratio) / (1.0 - self.dropout_ratio)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class BatchNormalization:
    def __init__(self, gamma, beta, rho=0.9, moving_mean=None, moving_var=None):
        self.gamma, self.beta, self.rho = gamma, beta, rho
        self.moving_mean, self.moving_var = moving_mean, moving_var
        self.dgamma, self.dbeta = None, None

    def forward(self, x, train_flg=True):
        if self.moving_mean is None:
            self.moving_mean, self.moving_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        mu, var = (x.mean(axis=0), x.var(axis=0)) if train_flg else (self.moving_mean, self.moving_var)
        self.std = np.sqrt(var + 1e-8)
        self.xn = (x - mu) / self.std
        if train_flg:
            self.moving_mean = self.rho * self.moving_mean + (1 - self.rho) * mu
            self.moving_var = self.rho * self.moving_var + (1 - self.rho) * var
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), (dout * self.xn).sum(axis=0)
        dxn = dout * self.gamma
        return (dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)) / self.std


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2
        self.iter, self.m, self.v = 0, None, None

    def update(self, params, grads):
        if self.m is None:
            self.m = {key: np.zeros_like(value) for key, value in params.items()}
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        self.iter += 1
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            m, v = self.m[key] / (1 - self.beta1**self.iter), self.v[key] / (1 - self.beta2**self.iter)
            params[key] -= self.lr * m / (np.sqrt(v) + 1e-8)
