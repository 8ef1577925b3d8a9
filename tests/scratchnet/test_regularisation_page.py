"""docs/regularisation.md says what docs/training/regularisation.json holds, and the intervals are Student's."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")
ROOT = Path(__file__).parents[2]


def script(name):
    """A module of the scripts, which import each other by their bare names."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / "regularised" / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


script("runs")
report = script("report")
RESULT = json.loads((ROOT / "docs" / "training" / "regularisation.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("block", ["strengths", "ends", "said"])
def test_the_page_is_made_from_the_data(block):
    page = (ROOT / "docs" / "regularisation.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {block} -->\n(.*?)<!-- end -->", page, flags=re.DOTALL)
    assert found[1] == getattr(report, block)(RESULT)


def test_the_interval_of_a_difference_is_student_s_of_the_paired_differences():
    values = {"none": [1.0, 2.0, 4.0], "dropout": [2.0, 2.0, 7.0]}
    runs = [{"method": m, "test_loss": v} for m, several in values.items() for v in several]
    mean, half = report.against_none(runs, "dropout", "test_loss")
    assert mean == pytest.approx(4 / 3)
    assert half == pytest.approx(4.302653 * np.std([1, 0, 3], ddof=1) / np.sqrt(3), rel=1e-6)


def test_a_figure_has_a_panel_for_each_method_and_two_of_where_they_end():
    figure = report.figure(RESULT["runs"])
    titles = [panel.get_title() for panel in figure.axes]
    assert titles[:6] == list(report.METHODS[1:]) and len(titles) == 8
