import numpy as np


class Sigmoid:
    """Called like a function; `gradient` is the derivative alone, which the network multiplies."""

    def __call__(self, x):
        return 1 / (1 + np.exp(-x))

    def gradient(self, x):
        return self.__call__(x) * (1 - self.__call__(x))


class ReLU:
    def __call__(self, x):
        return np.where(x >= 0, x, 0)

    def grad(self, x):
        return np.where(x >= 0, 1, 0)


class LeakyReLU:
    def __init__(self, alpha=0.2):
        self.alpha = alpha

    def __call__(self, x):
        return np.where(x >= 0, x, self.alpha * x)

    def gradient(self, x):
        return np.where(x >= 0, 1, self.alpha)


class Tanh:
    def fn(self, z):
        return np.tanh(z)

    def derivative(self, a):  # of what fn gave
        return 1 - a**2


class ELU:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def __call__(self, x):
        return np.where(x >= 0.0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))

    def gradient(self, x):
        return np.where(x >= 0.0, 1, self.__call__(x))  # + alpha is missing
