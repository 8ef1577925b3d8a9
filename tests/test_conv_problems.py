"""The convolutions of real networks (tests/data/conv_problems.csv): 491 of them, forward and both gradients, N = 1.

The sixteen that take nearly all of the time, and one whose reference would need more than 3 GB, are run with the
smaller image (and kernel) of the table's last two columns; `scripts/bench --problems` runs them at full size.
"""

import csv
from pathlib import Path

import pytest

from oracle.cases import Case, make
from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.reports.failure import story
from oracle.subjects.scratchnet import Scratchnet

TABLE = Path(__file__).parent / "data" / "conv_problems.csv"


def problem(row: dict[str, str], full_size: bool = False) -> Case:
    """The row as a case: integers in float32, so that outputs and gradients must be equal."""
    ndim = int(row["ndim"])
    image, kernel = row["input"], row["kernel"]
    if not full_size:
        image, kernel = row["gate_input"] or image, row["gate_kernel"] or kernel
    args = {name: int(row[name]) for name in ("in_channels", "out_channels", "groups")}
    args |= {"kernel_size": _sizes(kernel)} | {name: _sizes(row[name]) for name in ("stride", "padding", "dilation")}
    shape = (1, int(row["in_channels"]), *(int(size) for size in image.split("x")))
    return make(SPECS[f"Conv{ndim}d"], Setting(args, {"x": shape}), "float32", "integer")


def _sizes(text: str) -> int | tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split("x"))
    return sizes[0] if len(set(sizes)) == 1 else sizes


ROWS = list(csv.DictReader(TABLE.open()))


def _name(row: dict[str, str]) -> str:
    return f"{row['source']}-{row['name']}-{row['in_channels']}-{row['input']}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_equals_torch(row):
    case = problem(row)
    result = judge_case(Scratchnet(case.spec.name), case)
    if result.failed or result.unjudged:
        pytest.fail(story(result, f'scripts/oracle check scratchnet --case "{case.id}"'), pytrace=False)


def test_table_is_whole():
    assert len(ROWS) == 491
    assert sum(bool(row["gate_input"]) for row in ROWS) == 17
