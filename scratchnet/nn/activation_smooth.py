"""Activations made of exponentials, for x of any shape, float32 or float64 (TypeError for another dtype).

`inplace` is taken so that torch code ports, and changes nothing: x is never overwritten.
"""

from __future__ import annotations

from scratchnet.nn.activation import Elementwise


class Sigmoid(Elementwise):
    """out = 1 / (1 + exp(-x)), any shape, in [0, 1]; no x overflows.   torch.nn.Sigmoid

    Gradient: dx = dout * out * (1 - out).   Raises TypeError for another dtype than float32 or float64.
    Source: Rumelhart, Hinton and Williams 1986.
    """


class Tanh(Elementwise):
    """out = tanh(x), any shape, in [-1, 1].   torch.nn.Tanh

    Gradient: dx = dout * (1 - out^2).   Raises TypeError for another dtype than float32 or float64.
    Source: LeCun et al. 1998, Efficient BackProp.
    """


class Tanhshrink(Elementwise):
    """out = x - tanh(x), any shape.   torch.nn.Tanhshrink

    Gradient: dx = dout * tanh(x)^2.   Raises TypeError for another dtype than float32 or float64.
    """


class Softsign(Elementwise):
    """out = x / (1 + |x|), any shape, in [-1, 1].   torch.nn.Softsign

    Gradient: dx = dout / (1 + |x|)^2.   Raises TypeError for another dtype than float32 or float64.
    Source: Bergstra et al. 2009; Glorot and Bengio 2010.
    """


class ELU(Elementwise):
    """out = x where x > 0, else alpha (exp(x) - 1), any shape.   torch.nn.ELU

    Gradient: dx = dout where x > 0, else dout * alpha exp(x) (so at 0).
    Raises TypeError for another dtype than float32 or float64.   Source: Clevert, Unterthiner and Hochreiter 2016.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(alpha=float(alpha))
        self.inplace = inplace


class CELU(Elementwise):
    """out = x where x > 0, else alpha (exp(x / alpha) - 1), any shape.   torch.nn.CELU

    Gradient: dx = dout where x > 0, else dout * exp(x / alpha): no kink at 0, whatever alpha.
    Raises ValueError for alpha=0, TypeError for another dtype than float32 or float64.   Source: Barron 2017.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        if alpha == 0:
            raise ValueError("CELU: alpha=0, another number expected: x is divided by it")
        super().__init__(alpha=float(alpha))
        self.inplace = inplace


class SELU(Elementwise):
    """out = scale * (x where x > 0, else alpha (exp(x) - 1)), any shape.   torch.nn.SELU

    With scale = 1.0507 and alpha = 1.6733 (more digits in ops) mean 0 and variance 1 are kept from layer to layer.
    Gradient: dx = dout * scale where x > 0, else dout * scale * alpha exp(x).
    Raises TypeError for another dtype than float32 or float64.   Source: Klambauer et al. 2017.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class GELU(Elementwise):
    """out = x Phi(x), Phi the normal distribution function, any shape.   torch.nn.GELU

    approximate="tanh" takes (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 for Phi(x), which is off by up to 5e-4.
    Gradient: dx = dout (Phi(x) + x phi(x)), phi the normal density; with "tanh" the derivative of that formula.
    Raises ValueError for another word, TypeError for another dtype than float32 or float64.
    Source: Hendrycks and Gimpel 2016.
    """

    def __init__(self, approximate: str = "none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f'GELU: approximate={approximate!r}, "none" or "tanh" expected')
        super().__init__(approximate=approximate)


class SiLU(Elementwise):
    """out = x sigmoid(x), any shape; also known as swish.   torch.nn.SiLU

    Gradient: dx = dout s (1 + x (1 - s)), s = sigmoid(x).   Raises TypeError for another dtype than float32 or float64.
    Source: Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class Softplus(Elementwise):
    """out = log(1 + exp(beta x)) / beta, and x itself where beta x > threshold; any shape.   torch.nn.Softplus

    Gradient: dx = dout sigmoid(beta x), and dout where beta x > threshold.
    Raises ValueError for beta=0, TypeError for another dtype than float32 or float64.   Source: Dugas et al. 2001.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        if beta == 0:
            raise ValueError("Softplus: beta=0, another number expected: the logarithm is divided by it")
        super().__init__(beta=float(beta), threshold=float(threshold))


class LogSigmoid(Elementwise):
    """out = log(sigmoid(x)) = -log(1 + exp(-x)), any shape; finite for every finite x.   torch.nn.LogSigmoid

    Gradient: dx = dout * sigmoid(-x).   Raises TypeError for another dtype than float32 or float64.
    """


class Mish(Elementwise):
    """out = x tanh(log(1 + exp(x))), any shape.   torch.nn.Mish

    Gradient: dx = dout (t + x (1 - t^2) sigmoid(x)), t = tanh(log(1 + exp(x))).
    Raises TypeError for another dtype than float32 or float64.   Source: Misra 2019.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace
