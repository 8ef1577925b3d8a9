"""Arrays of one number, which NumPy took for a number until 2.4: what was written then runs, the rest is as it was."""

import ast

import numpy as np
import pytest

from oracle.worker import one_number

ONE = np.array([[2.5]], np.float32)


def run(code, **names):
    one_number.notes.clear()
    space = {"np": np, **names, **one_number.NAMES}
    for statement in ast.parse(code).body:
        exec(compile(ast.Module([one_number.rewritten(statement)], []), "<code>", "exec"), space)
    return space


@pytest.mark.parametrize(
    "code, expected",
    [
        ("r = float(one) + 1", 3.5),
        ("r = int(one)", 2),
        ("np.float = float; r = np.float(one) + 1", 3.5),
        ("numpy = np; np.int = int; r = numpy.int(one)", 2),
        ("z = np.zeros((2, 2)); z[0, 1] = one; r = z[0, 1]", 2.5),
        ("z = np.ones(2); z[i] += one; r = z[1]", 3.5),
        ("class A: pass\na = A(); a.z = np.zeros(2); a.z[0] = one; r = a.z[0]", 2.5),
        ("def f():\n    z = np.zeros(2)\n    z[i] = one[0]\n    return z[1]\nr = f()", 2.5),
    ],
)
def test_what_ran_with_older_numpy_runs_and_is_said(code, expected):
    assert run(code, one=ONE, i=1)["r"] == expected
    assert len(one_number.notes) == 1


@pytest.mark.parametrize(
    "code",
    [
        "r = float(two)",
        "z = np.zeros(2); z[0] = two",
        "r = int('x')",
    ],
)
def test_what_never_ran_raises_as_before(code):
    with pytest.raises((TypeError, ValueError)):
        run(code, two=np.ones(2))


def test_other_containers_keep_the_array():
    space = run("d = {}; d['b'] = one; l = [0]; l[0] = one; z = np.zeros((1, 1)); z[:, 0] = one[0]", one=ONE)
    assert space["d"]["b"] is space["l"][0] is ONE
    assert space["z"][0, 0] == 2.5
    assert not one_number.notes


def test_a_line_keeps_its_number():
    with pytest.raises(ZeroDivisionError) as raised:
        run("\n\nr = float(\n    1 / 0)")
    assert raised.tb.tb_next.tb_next.tb_lineno == 4
