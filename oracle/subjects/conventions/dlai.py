"""deeplearning.ai, Convolutional Neural Networks, week 1: functions in a notebook; images are NHWC, weights
(f, f, C, F), the bias (1, 1, 1, F); stride and pad come in `hparameters`.
"""

from __future__ import annotations

from typing import Any

from oracle.subjects.binding import INT, Binding
from oracle.subjects.conventions.rows import ALL, CONV, POOL, pair

_IMAGES = {"x": "NCHW->NHWC", "out": "NCHW->NHWC"}
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})


def _pool(spec: str, mode: str) -> Binding:
    args: tuple[Any, ...] = ("$x", {"f": "@kernel_size", "stride": "@stride"}, mode)
    return pair(spec, "pool_forward", "pool_backward", args, ("dx",), POOL | {"kernel_size": INT}, layouts=_IMAGES,
                tells=("hparam",), form=mode, also=(mode,), optional=True)  # fmt: skip


ROWS: tuple[Binding, ...] = (
    pair("Conv2d", "conv_forward", "conv_backward", _CONV, ALL, CONV | {"kernel_size": INT}, tells=("hparam",),
         optional=True,
         layouts=_IMAGES | {"weight": "OIHW->HWIO", "bias": "F->111F"}),
    _pool("MaxPool2d", "max"),
    _pool("AvgPool2d", "average"),
)  # fmt: skip
