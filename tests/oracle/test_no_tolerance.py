"""Inside of oracle/ no tolerance is chosen by hand: bounds follow from unit roundoff, lengths and operands."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "oracle"
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
COMPARERS = {"allclose", "isclose", "assert_allclose", "approx", "assert_close", "assert_almost_equal"}
TOLERANCES = {"rtol", "atol", "tol", "tolerance", "rel_tol", "abs_tol"}

# These decide what is right. A small number in them would be a tolerance; 2.0**-24 is a unit roundoff and says so.
DECIDE = [
    name
    for name in FILES
    if name.endswith("_bounds.py")
    or name in {
        "accuracy.py", "bounds.py", "comparison.py", "derivative.py", "diagnosis.py", "exact.py", "findings.py",
        "judge.py", "reference.py", "relations.py", "running_error.py", "running_sums.py", "seen.py",
    }
]  # fmt: skip


def names_of_tolerances(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in COMPARERS:
                yield node.lineno, called
            yield from ((node.lineno, keyword.arg) for keyword in node.keywords if keyword.arg in TOLERANCES)
        elif isinstance(node, ast.arg | ast.Name) and getattr(node, "arg", getattr(node, "id", "")) in TOLERANCES:
            yield node.lineno, getattr(node, "arg", getattr(node, "id", ""))


def small_numbers(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < abs(node.value) < 0.01:
            yield node.lineno, node.value


@pytest.mark.parametrize("name", FILES)
def test_no_comparison_with_a_tolerance(name):
    assert list(names_of_tolerances(ast.parse((ROOT / name).read_text()))) == []


@pytest.mark.parametrize("name", DECIDE)
def test_no_small_number_where_it_is_decided_what_is_right(name):
    assert list(small_numbers(ast.parse((ROOT / name).read_text()))) == []


@pytest.mark.parametrize(
    ("text", "finds"),
    [("np.allclose(a, b)", 1), ("f(a, rtol=0.1)", 1), ("np.array_equal(a, b)", 0), ("def f(a, atol): pass", 1)],
)
def test_the_search_finds_what_it_looks_for(text, finds):
    assert len(list(names_of_tolerances(ast.parse(text)))) == finds


def test_the_search_finds_small_numbers():
    assert [value for _, value in small_numbers(ast.parse("x < 1e-8 + 2.0**-24 + 0.5"))] == [1e-8]
    assert len(DECIDE) > 12
