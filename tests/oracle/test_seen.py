"""What explains a wrong number, and what says nothing of it."""

import numpy as np
import pytest

from oracle.cases import parse
from oracle.seen import Seen, explains, matches

CASE = parse("Tanh()[x=1]@float64,random#0")
RIGHT, BOUND = 4.0, 1e-6


def seen(actual):
    return Seen(CASE, CASE.call(), *(np.array([value]) for value in (actual, RIGHT, BOUND)))


@pytest.mark.parametrize(
    ("actual", "mistake", "said"),
    [
        (5.0, 5.0, True),  # what the mistake gives
        (5.0, 6.0, False),  # something else
        (RIGHT, RIGHT, True),  # where all are right a mistake that does not show agrees
        (RIGHT + BOUND + 3e-15, RIGHT, None),  # just outside: one that does not show is neither named nor ruled out
        (RIGHT + 1.5 * BOUND, RIGHT, False),  # well outside: it is not the reason
        (RIGHT + 1.1 * BOUND, RIGHT + 0.9 * BOUND, True),  # just outside, and near to what only just does not show
    ],
)
def test_a_mistake_that_does_not_show_explains_nothing(actual, mistake, said):
    assert explains(seen(actual), np.array([mistake])) is said
    assert matches(seen(actual), np.array([mistake])) is (said is True)
