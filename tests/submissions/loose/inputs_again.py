import numpy as np


class Layer:
    """Nothing is kept by the forward: backward is given the input once more."""

    def forward(self, input):
        return input

    def backward(self, input, grad_output):
        return grad_output


class ReLU(Layer):
    def forward(self, input):
        return np.maximum(0, input)

    def backward(self, input, grad_output):
        return grad_output * (input > 0)


class Dense(Layer):
    def __init__(self, input_units, output_units, learning_rate=0.1):
        self.learning_rate = learning_rate
        self.weights = np.random.normal(scale=0.1, size=(input_units, output_units))
        self.biases = np.zeros(output_units)

    def forward(self, input):
        return input @ self.weights + self.biases

    def backward(self, input, grad_output):
        grad_input = grad_output @ self.weights.T
        self.weights = self.weights - self.learning_rate * (input.T @ grad_output)
        self.biases = self.biases - self.learning_rate * grad_output.sum(axis=0)
        return grad_input


class MaxPool2D:
    def __init__(self, size=2):
        self.size = size

    def forward(self, x):
        N, C, H, W = x.shape
        s = self.size
        return x[:, :, : H // s * s, : W // s * s].reshape(N, C, H // s, s, W // s, s).max(axis=(3, 5))

    def bprop(self, x, upstream):
        s, dx = self.size, np.zeros_like(x)
        for i in range(upstream.shape[2]):
            for j in range(upstream.shape[3]):
                window = x[:, :, i * s : i * s + s, j * s : j * s + s]
                largest = window == window.max(axis=(2, 3), keepdims=True)
                dx[:, :, i * s : i * s + s, j * s : j * s + s] += largest * upstream[:, :, i : i + 1, j : j + 1]
        return dx


class Sigmoid:
    def forward(self, x):
        return 1 / (1 + np.exp(-x))

    def backward(self, x, dout):
        return dout * x * (1 - x)  # of the input, and not of the output
