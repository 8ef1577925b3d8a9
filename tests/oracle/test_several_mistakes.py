"""Several mistakes in one tensor: all are named, however many, and no other."""

from dataclasses import replace
from itertools import combinations

import pytest

from oracle.checking import investigated
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import default_cases
from oracle.subjects.scratchnet import Scratchnet

# Made by what the layer is told, not in the kernels that the diagnosis edits.
DEAF_TO = {
    "Conv2d": {"padding": (0, 0), "dilation": (1, 1), "stride": (1, 1)},
}


class Deaf(Scratchnet):
    """Right but for `out`, which is computed without some of the settings."""

    def __init__(self, spec, settings):
        super().__init__(spec)
        self._instead = {name: DEAF_TO[spec][name] for name in settings}

    def run(self, call):
        answer = super().run(call)
        answer.tensors["out"] = super().run(replace(call, settings={**call.settings, **self._instead})).tensors["out"]
        return answer


@pytest.mark.parametrize(
    "settings", [pair for size in (1, 2, 3) for pair in combinations(DEAF_TO["Conv2d"], size)], ids="+".join
)
def test_all_are_named(settings):
    cases, _ = default_cases(SPECS["Conv2d"])
    report = investigated(judge(Deaf("Conv2d", settings), cases), 0)
    named = {found["mistake"] for found in report["diagnoses"]}
    assert {found["tensor"] for found in report["diagnoses"]} == {"out"}
    assert named == {f"{name}-ignored" for name in settings}, report["message"]
