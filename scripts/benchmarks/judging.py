"""What judging costs: a case that passes, naming a mistake, giving up on what nothing explains, and a whole file.

CPU seconds on one thread, so that other programs do not count; a file's own process is in them.
"""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from oracle.checking import check, investigated
from oracle.judge import Judgement, judge
from oracle.layers import SPECS
from oracle.mistakes import by_layer
from oracle.mistakes.mutant import Mutant
from oracle.selection import default_cases
from oracle.subjects import Answer, Call
from oracle.subjects.scratchnet import Scratchnet

SUBMISSIONS = Path(__file__).resolve().parents[2] / "tests" / "submissions"
FILES = ("cs231n/layers.py", "dlfs/common/layers.py")  # convolution, pooling, linear, activation, norm and a loss
LAYERS = ("Conv2d", "MaxPool2d", "Linear", "ReLU", "BatchNorm2d", "CrossEntropyLoss", "LSTM")


class Spoiled(Scratchnet):
    """Right, but for what no mistake explains: every tensor is off by a wave."""

    def run(self, call: Call) -> Answer:
        answer = super().run(call)
        for name, array in answer.tensors.items():
            wave = np.sin(np.arange(1, array.size + 1)).reshape(array.shape)
            answer.tensors[name] = (array + 0.1 * wave).astype(array.dtype)
        return answer


def cpu_seconds(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Of this process and of its children that have ended, and what came of it."""
    start = sum(os.times()[:4])
    value = work(*arguments)
    return sum(os.times()[:4]) - start, value


def wrong_ones(layer: str) -> list[Judgement]:
    """The layer with each of its mistakes in each tensor, judged."""
    cases, _ = default_cases(SPECS[layer])
    kinds = {
        (mistake.id, tensor): edits[0]
        for mistake in by_layer()[layer].mistakes
        for tensor, edits in mistake.variants.items()
        if edits
    }
    judged = (judge(Mutant(layer, tensor, edits), cases) for (_, tensor), edits in kinds.items())
    return [judgement for judgement in judged if judgement.failed]


def run(console: Console) -> None:
    warnings.simplefilter("ignore")  # of wrong layers that divide by zero
    table = Table("judging, CPU time", box=None, header_style="dim", pad_edge=False)
    for column in ("ms a case", "mistakes", "to name one: median s", "longest s", "if nothing explains s"):
        table.add_column(column, justify="right")
    for layer in LAYERS:
        cases, _ = default_cases(SPECS[layer])
        passing, _ = cpu_seconds(judge, Scratchnet(layer), cases)
        named = [cpu_seconds(investigated, judgement, 0)[0] for judgement in wrong_ones(layer)]
        nothing, _ = cpu_seconds(investigated, judge(Spoiled(layer), cases), 0)
        table.add_row(layer, f"{1e3 * passing / len(cases):.2f}", str(len(named)),
                      f"{statistics.median(named):.2f}", f"{max(named):.2f}", f"{nothing:.2f}")  # fmt: skip
    console.print(table)
    for name in FILES:
        took, report = cpu_seconds(check, str(SUBMISSIONS / name))
        layers = ", ".join(spec["spec"] for spec in report["specs"])
        cases = sum(spec["cases"] for spec in report["specs"])
        clock = report["seconds"]
        console.print(f"checking {name}: {took:.1f} s ({clock:.1f} on the clock), {cases} cases of {layers}")
