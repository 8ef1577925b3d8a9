"""What is there of torch.nn, held against the installed torch."""

import inspect
from pathlib import Path

import pytest
import torch

import scratchnet.nn
from oracle.layers import SPECS
from oracle.layers.scope import MUST, OUT, SHOULD, covered, markdown, missing

IN_SCOPE = (*MUST, *SHOULD)
# They compute nothing of their own; the transformer's two are judged inside of Transformer.
CONTAINERS = {"Module", "Sequential", "ModuleList", "ModuleDict", "TransformerEncoder", "TransformerDecoder"}


def test_every_class_of_torch_is_accounted_for():
    known = {*IN_SCOPE, *OUT}
    public = {
        name for name, value in vars(torch.nn).items() if inspect.isclass(value) and issubclass(value, torch.nn.Module)
    }
    assert public - known == set(), "new in this torch: say whether it is in scope"
    assert known - public == set(), "not in this torch"
    assert len(IN_SCOPE) == len(set(IN_SCOPE)) == 136 and not set(IN_SCOPE) & set(OUT)


def test_what_courses_need_is_there():
    assert set(MUST) & set(missing()) == set()


@pytest.mark.parametrize("name", [name for name in covered() if name not in CONTAINERS])
def test_what_is_there_is_judged(name):
    assert name in SPECS


@pytest.mark.parametrize("name", sorted(SPECS))
def test_what_is_judged_is_in_scope(name):
    assert name in IN_SCOPE or name == "HalfSquaredError" or not hasattr(scratchnet.nn, name)


def test_the_table_of_the_readme_is_of_today():
    """Where it fails: put what `python -m oracle.layers.scope` prints between the marks."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert readme.split("<!-- layers -->\n")[1].split("\n<!-- end -->")[0] == markdown()
