"""The twins of dropout are torch's own layers: with the mask that torch draws they give torch's answer, bit for bit."""

import numpy as np
import pytest
import torch

from oracle.layers import SPECS
from oracle.reference import run_twin
from oracle.subjects import Call

SHAPES = {
    "Dropout": (3, 4, 5),
    "Dropout1d": (4, 6, 3),
    "Dropout2d": (4, 6, 3, 2),
    "Dropout3d": (4, 6, 3, 2, 2),
    "AlphaDropout": (3, 4, 5),
    "FeatureAlphaDropout": (4, 6, 3),
}


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("name", SHAPES)
def test_twin_is_torch(name, p):
    shape = SHAPES[name]
    mask_shape = SPECS[name].tensors({"p": p}, {"x": shape}).buffers["mask"]
    layer = getattr(torch.nn, name)(p)

    def by_torch(x):
        torch.manual_seed(1)
        out = layer(x)
        out.backward(dout)
        return out.detach(), x.grad

    generator = torch.Generator().manual_seed(2)
    x, dout = (torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    _, kept = by_torch(torch.zeros(shape, dtype=torch.float64, requires_grad=True))  # dx is 0 where x is dropped
    mask = (kept != 0).to(torch.int64)[tuple(slice(0, size) for size in mask_shape)]
    out, dx = by_torch(x.clone().requires_grad_())

    call = Call(name, {"p": p}, {"x": x.numpy()}, {}, {"mask": mask.numpy()}, {"dout": dout.numpy()})
    twin = run_twin(call)
    assert np.array_equal(twin["out"], out.numpy())
    assert np.array_equal(twin["dx"], dx.numpy())
    assert np.array_equal(twin["mask"], mask.numpy())
