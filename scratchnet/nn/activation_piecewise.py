"""Activations made of straight lines, for x of any shape, float32 or float64 (TypeError for another dtype).

`inplace` is taken so that torch code ports, and changes nothing: x is never overwritten.
"""

from __future__ import annotations

from scratchnet.nn.activation import Elementwise


class ReLU(Elementwise):
    """out = max(x, 0), any shape.   torch.nn.ReLU

    Gradient: dx = dout where x > 0, else 0 (0 at the kink x = 0).
    Raises TypeError for another dtype than float32 or float64.
    Source: Nair and Hinton 2010.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class LeakyReLU(Elementwise):
    """out = x where x > 0, else negative_slope * x, any shape.   torch.nn.LeakyReLU

    Gradient: dx = dout where x > 0, else negative_slope * dout (so at the kink x = 0).
    Raises TypeError for another dtype than float32 or float64.   Source: Maas et al. 2013.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__(negative_slope=float(negative_slope))
        self.inplace = inplace


class ReLU6(Elementwise):
    """out = min(max(x, 0), 6), any shape.   torch.nn.ReLU6

    Gradient: dx = dout where 0 < x < 6, else 0 (0 at both kinks).
    Raises TypeError for another dtype than float32 or float64.
    Source: Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class Hardtanh(Elementwise):
    """out = min(max(x, min_val), max_val), any shape.   torch.nn.Hardtanh

    Gradient: dx = dout where min_val < x < max_val, else 0 (0 at both kinks).
    Raises ValueError unless min_val < max_val, TypeError for another dtype than float32 or float64.
    Source: Collobert 2004.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val={min_val}, max_val={max_val}; min_val < max_val expected")
        super().__init__(min_val=float(min_val), max_val=float(max_val))
        self.inplace = inplace


class Hardsigmoid(Elementwise):
    """out = min(max(x + 3, 0), 6) / 6, any shape: 0 up to x = -3, 1 from x = 3 on.   torch.nn.Hardsigmoid

    Gradient: dx = dout / 6 where -3 < x < 3, else 0.
    Raises TypeError for another dtype than float32 or float64.
    Source: Courbariaux, Bengio and David 2015; with this slope Howard et al. 2019.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class Hardswish(Elementwise):
    """out = x * min(max(x + 3, 0), 6) / 6, any shape: 0 up to x = -3, x from x = 3 on.   torch.nn.Hardswish

    Gradient: dx = dout (2 x + 3) / 6 where -3 < x < 3; at -3 and below 0, at 3 and above dout.
    Raises TypeError for another dtype than float32 or float64.   Source: Howard et al. 2019.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class Hardshrink(Elementwise):
    """out = x where |x| > lambd, else 0, any shape.   torch.nn.Hardshrink

    Gradient: dx = dout where |x| > lambd, else 0 (0 at both kinks).
    Raises TypeError for another dtype than float32 or float64.
    Source: Donoho and Johnstone 1994.
    """

    def __init__(self, lambd: float = 0.5):
        super().__init__(lambd=float(lambd))


class Softshrink(Elementwise):
    """out = x - lambd where x > lambd, x + lambd where x < -lambd, else 0, any shape.   torch.nn.Softshrink

    Gradient: dx = dout where |x| > lambd, else 0 (0 at both kinks).
    Raises ValueError where lambd < 0, TypeError for another dtype than float32 or float64.
    Source: Donoho and Johnstone 1994.
    """

    def __init__(self, lambd: float = 0.5):
        if not lambd >= 0:
            raise ValueError(f"Softshrink: lambd={lambd}, a number of at least 0 expected")
        super().__init__(lambd=float(lambd))


class Threshold(Elementwise):
    """out = x where x > threshold, else value, any shape.   torch.nn.Threshold

    Gradient: dx = dout where x > threshold, else 0 (0 at the threshold).
    Raises TypeError for another dtype than float32 or float64.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(threshold=float(threshold), value=float(value))
        self.inplace = inplace
