"""The normalisations in plain array code, one function for each tensor: the mistakes are edits of it.

    xhat = (I - mean)/s, s = sqrt(var + eps);  O = W*xhat + B
    dI = (g - mean(g) - xhat*mean(g*xhat))/s, g = W*dO;  dW = sum of dO*xhat, dB = sum of dO

Batch, instance, layer and group norm differ in the axes of the mean only: x is looked at in a shape in which they
stand apart.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from oracle.subjects import Call

# ---- the kernels. k: given, shape of x and the shape it is looked at in; axes of the statistics; affine, shape of
# weight and bias beside it, shared, the axes along which they repeat; running, whether running statistics are used


def out(x, weight, bias, running_mean, running_var, k):
    x = x.reshape(k.shape)
    mean = x.mean(axis=k.axes, keepdims=True)
    var = x.var(axis=k.axes, keepdims=True)
    if k.running:
        mean, var = running_mean.reshape(k.affine), running_var.reshape(k.affine)
    xhat = (x - mean) / np.sqrt(var + k.eps)
    return affine(xhat, weight, bias, k).reshape(k.given)


def dx(x, weight, dout, running_mean, running_var, k):
    x, dout = x.reshape(k.shape), dout.reshape(k.shape)
    mean = x.mean(axis=k.axes, keepdims=True)
    var = x.var(axis=k.axes, keepdims=True)
    if k.running:
        mean, var = running_mean.reshape(k.affine), running_var.reshape(k.affine)
    s = np.sqrt(var + k.eps)
    xhat = (x - mean) / s
    g = scaled(dout, weight, k)
    if k.running:
        return (g / s).reshape(k.given)
    through_mean = g.mean(axis=k.axes, keepdims=True)
    through_var = xhat * (g * xhat).mean(axis=k.axes, keepdims=True)
    return ((g - through_mean - through_var) / s).reshape(k.given)


def dweight(x, weight, dout, running_mean, running_var, k):
    x, dout = x.reshape(k.shape), dout.reshape(k.shape)
    mean = x.mean(axis=k.axes, keepdims=True)
    var = x.var(axis=k.axes, keepdims=True)
    if k.running:
        mean, var = running_mean.reshape(k.affine), running_var.reshape(k.affine)
    xhat = (x - mean) / np.sqrt(var + k.eps)
    return (dout * xhat).sum(axis=k.shared).reshape(weight.shape)


def dbias(x, weight, dout, running_mean, running_var, k):
    x, dout = x.reshape(k.shape), dout.reshape(k.shape)
    return dout.sum(axis=k.shared).reshape(weight.shape)


def running_mean(x, running_mean, k):
    if not k.training:
        return running_mean
    new = x.reshape(k.shape).mean(axis=k.axes, keepdims=True).mean(axis=0).reshape(-1)
    return (1 - k.momentum) * running_mean + k.momentum * new


def running_var(x, running_var, k):
    if not k.training:
        return running_var
    new = x.reshape(k.shape).var(axis=k.axes, keepdims=True, ddof=1).mean(axis=0).reshape(-1)
    return (1 - k.momentum) * running_var + k.momentum * new


def num_batches_tracked(num_batches_tracked, k):
    return num_batches_tracked + (k.training and not k.per_image)


# ---- RMS norm: r = sqrt(mean(I^2) + eps), O = W*I/r


def rms_out(x, weight, k):
    xhat = x / np.sqrt((x * x).mean(axis=k.axes, keepdims=True) + k.eps)
    return affine(xhat, weight, None, k)


def rms_dx(x, weight, dout, k):
    r = np.sqrt((x * x).mean(axis=k.axes, keepdims=True) + k.eps)
    xhat = x / r
    g = scaled(dout, weight, k)
    through_r = xhat * (g * xhat).mean(axis=k.axes, keepdims=True)
    return (g - through_r) / r


def rms_dweight(x, weight, dout, k):
    xhat = x / np.sqrt((x * x).mean(axis=k.axes, keepdims=True) + k.eps)
    return (dout * xhat).sum(axis=k.shared).reshape(weight.shape)


# ---- what the kernels are made of


def affine(xhat, weight, bias, k):
    return scaled(xhat, weight, k) + (0 if bias is None else bias.reshape(k.affine))


def scaled(array, weight, k):
    return array if weight is None else array * weight.reshape(k.affine)


def standardised(x, running_mean, running_var, k):
    mean, var = x.mean(axis=k.axes, keepdims=True), x.var(axis=k.axes, keepdims=True)
    if k.running:
        mean, var = running_mean.reshape(k.affine), running_var.reshape(k.affine)
    return (x - mean) / np.sqrt(var + k.eps)


# ---- other shapes to look at x in, all of them wrong


def rows(k):
    """The rows of x.reshape(-1, C), in which channels and places are mixed up where x has more axes than two."""
    channels = max(k.affine)
    return viewed(k, (math.prod(k.shape) // channels, channels), (0,), (1, channels))


def grouped(k, groups):
    """Another number of groups."""
    n, g, block, *sizes = k.shape
    flat = (1,) * len(sizes)
    return viewed(k, (n, groups, g * block // groups, *sizes), k.axes, (1, groups, g * block // groups, *flat))


def dealt(k):
    """Channels dealt to the groups in turn."""
    n, g, block, *sizes = k.shape
    return viewed(k, (n, block, g, *sizes), (1, *k.axes[1:]), (1, block, g, *(1,) * len(sizes)))


def viewed(k, shape, axes, affine):
    shared = tuple(axis for axis, size in enumerate(affine) if size == 1)
    return SimpleNamespace(**{**vars(k), "shape": shape, "axes": axes, "affine": affine, "shared": shared})


# ---- the shape of each layer


def prepare_channels(call: Call) -> SimpleNamespace:
    """Batch and instance norm."""
    per_image = call.spec.startswith("Instance")
    settings, x = call.settings, call.inputs["x"].shape
    shape = (1, *x) if per_image and len(x) == int(call.spec[-2]) + 1 else x
    momentum = settings["momentum"]
    if momentum is None:  # the mean over all batches; instance norm reads it as 0
        momentum = 0.0 if per_image else 1 / (int(call.buffers.get("num_batches_tracked", 0)) + 1)
    k = SimpleNamespace(
        given=x,
        eps=settings["eps"],
        dtype=call.inputs["x"].dtype,
        momentum=momentum,
        training=call.training,
        running=not call.training and settings["track_running_stats"],
        per_image=per_image,
    )
    axes = tuple(range(2, len(shape))) if per_image else (0, *range(2, len(shape)))
    return viewed(k, shape, axes, (1, shape[1], *(1,) * (len(shape) - 2)))


def prepare_rows(call: Call) -> SimpleNamespace:
    """Layer and RMS norm."""
    settings, x = call.settings, call.inputs["x"]
    last = settings["normalized_shape"]
    lead = x.ndim - (len(last) if isinstance(last, tuple) else 1)
    eps = float(np.finfo(x.dtype).eps) if settings["eps"] is None else settings["eps"]
    k = SimpleNamespace(given=x.shape, eps=eps, dtype=x.dtype, running=False)
    return viewed(k, x.shape, tuple(range(lead, x.ndim)), (*(1,) * lead, *x.shape[lead:]))


def prepare_groups(call: Call) -> SimpleNamespace:
    x, groups = call.inputs["x"], call.settings["num_groups"]
    n, channels, *sizes = x.shape
    shape = (n, groups, channels // groups, *sizes)
    k = SimpleNamespace(given=x.shape, eps=call.settings["eps"], dtype=x.dtype, running=False)
    return viewed(k, shape, tuple(range(2, len(shape))), (1, *shape[1:3], *(1,) * len(sizes)))
