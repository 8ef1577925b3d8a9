import numpy as np


class SoftmaxCrossEntropy:
    """Labels as rows of 0 and 1; backward takes nothing."""

    def forward(self, logits, y):
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.p, self.y = np.exp(log_p), y
        return -np.mean(np.sum(y * log_p, axis=1))

    def backward(self):
        return (self.p - self.y) / len(self.y)


class MSE:
    def forward(self, y_pred, y_true):
        self.diff = y_pred - y_true
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / self.diff.size
