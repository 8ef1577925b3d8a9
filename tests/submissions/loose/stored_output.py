import numpy as np


class Layer_Dense:
    """The methods return nothing: what they compute stays in attributes."""

    def __init__(self, n_inputs, n_neurons):
        self.weights, self.biases = np.random.randn(n_inputs, n_neurons), np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class Activation_ReLU:
    def forward(self, inputs):
        self.inputs, self.output = inputs, np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = np.where(self.inputs > 0, dvalues, 0)


class Activation_Tanh:
    def forward(self, inputs):
        self.inputs, self.output = inputs, np.tanh(inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.inputs**2)


class Activation_Linear:
    def forward(self, inputs):
        self.output = inputs

    def backward(self, dvalues):
        self.dinputs = dvalues


class Dropout:
    def __init__(self, dropout=0.1):
        self.dropout = dropout

    def forward(self, x):
        self.mask = np.random.binomial(1, 1 - self.dropout, size=x.shape) / (1 - self.dropout)
        self.out = x * self.mask

    def backward(self, grad):
        return grad * self.mask
