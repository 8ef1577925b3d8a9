"""Nothing right is called wrong: the right submissions, in the styles and sizes that the default cases leave out.

scripts/false_alarms runs all of it, in every case and with many seeds.
"""

import sys
from itertools import islice
from pathlib import Path

import pytest

from oracle.checking import investigated, takes
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import all_cases
from oracle.subjects.target import open_target

sys.path.append(str(Path(__file__).parents[2] / "scripts" / "alarms"))
from main import EXAMPLES, convention_of, right_submissions

EACH = 2  # cases of each kind


def unusual(case):
    """What it is that the default cases have not; None where they have it."""
    if case.style in ("strided", "empty", "large"):
        return case.style
    return next((f"{len(shape)} axes" for shape in case.shapes.values() if len(shape) < 2 or shape[0] == 1), None)


def unusual_cases(subject):
    kinds: dict[str, int] = {}
    for case in islice(all_cases(SPECS[subject.spec], lambda setting: takes(subject, setting)), 400):
        kind = unusual(case)
        if kind and kinds.get(kind, 0) < EACH and subject.takes(case.settings, case.training, case.shapes):
            kinds[kind] = kinds.get(kind, 0) + 1
            yield case


@pytest.mark.parametrize("target", [*EXAMPLES, *right_submissions()])
def test_right_submissions_are_right_in_unusual_cases_too(target):
    with open_target(target, None, convention_of(target)) as opened:
        reports = [investigated(judgement, 0) for subject in opened.subjects
                   if (judgement := judge(subject, unusual_cases(subject))).results]  # fmt: skip
    assert {report["verdict"] for report in reports} <= {"right"}  # some take nothing unusual
