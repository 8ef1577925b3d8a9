"""The same torch module with one mistake: the bias gradient is the mean over the batch, where it must be the sum.

oracle check examples.torch_mean:MyLinear
"""

import torch


class LinearFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight.T if bias is None else x @ weight.T + bias

    @staticmethod
    def backward(ctx, dout):
        x, weight = ctx.saved_tensors
        rows, inputs = dout.reshape(-1, dout.shape[-1]), x.reshape(-1, x.shape[-1])
        return dout @ weight, rows.T @ inputs, rows.mean(0) if ctx.needs_input_grad[2] else None


class MyLinear(torch.nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(out_features, in_features) * 0.1)
        self.bias = torch.nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x):
        return LinearFunction.apply(x, self.weight, self.bias)
