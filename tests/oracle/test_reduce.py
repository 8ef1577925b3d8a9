"""The smallest failing case still fails, and nothing in it can be left out."""

import time

import pytest

from oracle.cases import parse
from oracle.conditions import facts
from oracle.layers import SPECS
from oracle.reduce import size, smallest
from oracle.selection import all_cases


def each(value):
    return value if isinstance(value, tuple) else (value,)


# the fault as a predicate: where a case starts -> where it ends
SMALLEST = {
    "everywhere": (
        "Conv2d(in_channels=4,out_channels=6,kernel_size=3x2,stride=2x1,padding=1x2,dilation=1x2,groups=2)[x=2x4x7x6]@float32,random#3",
        lambda f: True,
        "Conv2d(in_channels=1,out_channels=1,kernel_size=1)[x=1x1x1x1]@float64,integer#0",
    ),
    "padding": (
        "Conv2d(in_channels=3,out_channels=4,kernel_size=3,stride=2,padding=2)[x=2x3x7x5]@float64,wide#1",
        lambda f: max(each(f["padding"])) >= 1,
        "Conv2d(in_channels=1,out_channels=1,kernel_size=1,stride=2,padding=1)[x=1x1x1x1]@float64,integer#0",
    ),
    "stride": (
        "Conv2d(in_channels=3,out_channels=4,kernel_size=3,stride=3)[x=2x3x7x5]@float64,random#0",
        lambda f: max(each(f["stride"])) > 1,
        "Conv2d(in_channels=1,out_channels=1,kernel_size=1,stride=2)[x=1x1x1x1]@float64,integer#0",
    ),
    "groups": (
        "Conv2d(in_channels=3,out_channels=6,kernel_size=3,groups=3)[x=2x3x7x5]@float64,random#0",
        lambda f: f["groups"] > 1,
        "Conv2d(in_channels=2,out_channels=2,kernel_size=1,groups=2)[x=1x2x1x1]@float64,integer#0",
    ),
    "one kernel size": (
        "Conv1d(in_channels=2,out_channels=2,kernel_size=3,padding=same)[x=3x2x9]@float64,random#0",
        lambda f: f["kernel_size"] == 3,
        "Conv1d(in_channels=1,out_channels=1,kernel_size=3,padding=same)[x=1x1x1]@float64,integer#0",
    ),
    "batch": (
        "Linear(in_features=5,out_features=4)[x=7x5]@float32,wide#2",
        lambda f: f["N"] > 1,
        "Linear(in_features=1,out_features=1)[x=2x1]@float64,integer#0",
    ),
    "float32 alone": (
        "Linear(in_features=5,out_features=4,bias=false)[x=7x5]@float32,random#2",
        lambda f: f["dtype"] == "float32",
        "Linear(in_features=1,out_features=1,bias=false)[x=1x1]@float32,integer#0",
    ),
    "image that is not square": (
        "MaxPool2d(kernel_size=2,stride=1,padding=1)[x=2x3x5x6]@float64,ties#0",
        lambda f: f["H"] != f["W"],
        "MaxPool2d(kernel_size=1)[x=1x1x2x1]@float64,integer#0",
    ),
    "loss": (
        "MSELoss(reduction=sum)[x=4x3x2,target=4x3x2]@float64,random#0",
        lambda f: f["reduction"] == "sum",
        "MSELoss(reduction=sum)[x=1x1x1,target=1x1x1]@float64,integer#0",
    ),
    "classes": (
        "CrossEntropyLoss(label_smoothing=0.1)[x=6x5,target=6]@float64,random#0",
        lambda f: True,
        "CrossEntropyLoss()[x=1x1,target=1]@float64,integer#0",
    ),
    "evaluation": (
        "BatchNorm2d(num_features=4)[x=3x4x3x2]@float64,random,eval#0",
        lambda f: f["mode"] == "eval",
        "BatchNorm2d(num_features=1)[x=1x1x1x1]@float64,integer,eval#0",
    ),
    "either mode": (
        "BatchNorm2d(num_features=4)[x=3x4x3x2]@float64,random,eval#0",
        lambda f: True,
        "BatchNorm2d(num_features=1)[x=1x1x1x1]@float64,integer#0",
    ),
}


@pytest.mark.parametrize("start, holds, end", SMALLEST.values(), ids=SMALLEST)
def test_the_smallest_case(start, holds, end):
    started = time.perf_counter()
    found = smallest(parse(start), lambda case: holds(facts(case)))
    assert str(found) == end
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("spec", SPECS)
def test_it_fails_still_is_no_larger_and_reads_back(spec):
    """Failing is here a property of the numbers themselves: a hash of the id, as hard to reduce as can be."""
    for start in list(all_cases(SPECS[spec]))[1::97]:
        found = smallest(start, lambda case: sum(case.id.encode()) % 3 == 0, seconds=0.05)
        assert found.id == start.id or sum(found.id.encode()) % 3 == 0
        assert size(found) <= size(start)
        assert parse(found.id) == found


def test_it_ends_in_time_where_the_subject_is_slow():
    def slow(case):
        time.sleep(0.1)
        return True

    started = time.perf_counter()
    smallest(parse(SMALLEST["everywhere"][0]), slow, seconds=0.3)
    assert time.perf_counter() - started < 1


def test_no_case_is_tried_twice():
    tried = []
    smallest(parse(SMALLEST["groups"][0]), lambda case: tried.append(case.id) or "groups" in case.id)
    assert len(set(tried)) == len(tried)
