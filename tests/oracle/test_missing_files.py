"""A file whose neighbour was not handed in: what it lacks is no mistake of its layers."""

import pytest

from oracle.checking import check

WITH_A_HELPER = """
import numpy as np
{imported}

def relu_forward(x):
    return {name}(x), x

def relu_backward(dout, cache):
    return dout * (cache > 0)

def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)
"""


@pytest.mark.parametrize(
    ("imported", "name", "verdict"),
    [
        ("from helpers import *", "positive", "unjudged"),
        ("from helpers import positive", "positive", "unjudged"),
        ("from .helpers import (positive,\n    negative)", "positive", "unjudged"),
        ("import helpers", "helpers.positive", "unjudged"),
        ("from helpers import positive", "positve", "error"),  # a slip that no import would have mended
        ("", "positive", "error"),
    ],
)
def test_a_name_that_a_missing_file_would_have_brought_is_no_mistake(tmp_path, imported, name, verdict):
    path = tmp_path / "layers.py"
    path.write_text(WITH_A_HELPER.format(imported=imported, name=name))
    verdicts = {spec["spec"]: spec["verdict"] for spec in check(str(path), cases=8)["specs"]}
    assert verdicts.pop("ReLU") == verdict
    assert set(verdicts.values()) == {"right"}
