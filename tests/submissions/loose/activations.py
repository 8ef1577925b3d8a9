from scipy.special import erf

import numpy as np


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad_output):
        x = self.out
        return grad_output * x * (1 - x)


class Tanh:
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, grad_output):
        return grad_output * (1 - self.x**2)  # of the input, not of the output


class GELU:
    def forward(self, x):
        self.x = x
        return 0.5 * x * (1 + erf(x / np.sqrt(2)))

    def backward(self, grad_output):
        x = self.x
        return grad_output * (0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


class Broken:
    def forward(self, x)
        return x


class LeakyReLU:
    def __init__(self, alpha=0.01):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, grad_output):
        return grad_output * np.where(self.x > 0, 1, self.alpha)
