"""Several targets at once: a row for each target and layer, and one that cannot be judged never stops the rest."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oracle.cli import app
from oracle.reports.table import _safe

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGETS = [str(EXAMPLES / "cs231n_crop.py"), "no_such_file.py", str(EXAMPLES / "class_right.py")]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_rows_of_all_targets(jobs):
    result = CliRunner().invoke(app, ["check", *TARGETS, "--cases", "24", "--csv", "-", "-j", jobs])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    verdicts = {(Path(row["target"]).name, row["layer"]): row["verdict"] for row in rows}
    assert result.exit_code == 1
    assert verdicts[("cs231n_crop.py", "Conv2d")] == "wrong"
    assert verdicts[("no_such_file.py", "")] == "unjudged"
    assert verdicts[("class_right.py", "Linear")] == "right"
    assert next(row["when"] for row in rows if row["verdict"] == "wrong") == "padding = 0"


def test_the_worst_of_right_and_unjudged_is_unjudged():
    result = CliRunner().invoke(app, ["check", TARGETS[1], TARGETS[2], "--spec", "ReLU", "--cases", "6", "--json", "-"])
    assert result.exit_code == 3
    assert [target["verdict"] for target in json.loads(result.stdout)["targets"]] == ["unjudged", "right"]


def test_one_target_that_does_not_exist_is_bad_usage():
    assert CliRunner().invoke(app, ["check", TARGETS[1]]).exit_code == 2


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@x"])
def test_no_cell_is_a_formula(text):
    assert not _safe(text).startswith(("=", "+", "-", "@"))
