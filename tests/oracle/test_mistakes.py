"""The named mistakes: their kernels equal torch, every edit can be made, the first dozen settings of a layer show it,
and the diagnosis gives it its own name and no other; a right implementation is never given one.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from oracle.cases import Case, make
from oracle.comparison import TensorResult, compare
from oracle.diagnosis import diagnose
from oracle.judge import CaseResult, Judgement
from oracle.layers import SPECS
from oracle.mistakes import by_layer
from oracle.mistakes.kernel import Edits, Mistake, _source
from oracle.reference import Expected, reference
from oracle.selection import FIRST, default_cases, grid
from oracle.subjects import Answer, Call

SPEAKERS = {family: family.specs[0] for family in by_layer().values()}  # one layer speaks for its family
COUNT = 72  # cases of a diagnosis
FLAGS = {"train": (), "eval": ("eval",)}  # of a case, by mode


@dataclass(frozen=True)
class Item:
    """One way to make one mistake in one tensor of one layer."""

    spec: str
    mistake: Mistake
    tensor: str
    number: int

    @property
    def edits(self) -> Edits:
        return self.mistake.variants[self.tensor][self.number]

    def __str__(self) -> str:
        return f"{self.spec}-{self.mistake.id}-{self.tensor}-{self.number}"


ITEMS = [
    Item(spec, mistake, tensor, number)
    for family, spec in SPEAKERS.items()
    for mistake in family.mistakes
    for tensor, ways in mistake.variants.items()
    for number in range(len(ways))
]


KNOWN: dict[str, tuple[Call, Expected]] = {}


def known(case: Case) -> tuple[Call, Expected]:
    """What torch computes; every item looks at the same cases."""
    if case.id not in KNOWN:
        call = case.call()
        KNOWN[case.id] = call, reference(case, call)
    return KNOWN[case.id]


@cache
def cases_of(spec: str, count: int = COUNT, seed: int = 0) -> tuple[Case, ...]:
    return tuple(default_cases(SPECS[spec], count=count, seed=seed)[0])


def judged(item: Item, case: Case) -> CaseResult:
    """The case as a subject would answer that is right but for the item's tensor, rounded to the case's dtype."""
    call, expected = known(case)
    right, bound = expected.tensors, expected.bounds
    wrong = by_layer()[item.spec].compute(item.tensor, item.edits, call)
    tensors, answer = {name: TensorResult("ran", "exact", 0.0) for name in right}, Answer(dict(right))
    if item.tensor in right and wrong is None:
        del answer.tensors[item.tensor]
        tensors[item.tensor] = TensorResult("error", reason="raised")
    elif item.tensor in right:
        with np.errstate(all="ignore"):
            answer.tensors[item.tensor] = wrong.astype(case.dtype)
        tensors[item.tensor] = compare(answer.tensors[item.tensor], right[item.tensor], bound[item.tensor])
    return CaseResult(case, tensors, call=call, answer=answer, expected=expected)


@dataclass(frozen=True)
class Mutant:
    spec: str
    implements: str = "a mutant"


def named(item: Item, cases) -> str | None:
    judgement = Judgement(Mutant(item.spec), [judged(item, case) for case in cases], 0, 0.0)
    found = diagnose(judgement, item.tensor, lambda case: judged(item, case), cases_of(item.spec, 48, 1000))
    return None if found is None else "+".join(mistake.id for mistake in found.mistakes)


@pytest.mark.parametrize(
    ("spec", "tensor"), [(spec, tensor) for spec, family in by_layer().items() for tensor in family.kernels]
)
def test_kernel_is_torch(spec, tensor):
    settings = grid(SPECS[spec])
    styles = [style for style in ("integer", "random", *SPECS[spec].styles) if style not in ("strided", "empty")]
    for setting in (*settings[:FIRST], *settings[FIRST :: max(1, len(settings) // 20)]):
        for style in styles:
            for mode in setting.modes or SPECS[spec].modes:
                case = make(SPECS[spec], setting, "float64", style, flags=FLAGS[mode])
                call, expected = known(case)
                if tensor in expected.tensors:
                    answer = by_layer()[spec].compute(tensor, (), call)
                    result = compare(answer, expected.tensors[tensor], expected.bounds[tensor])
                    assert not result.failed, f"{case}: {result.reason}"


@pytest.mark.parametrize("item", ITEMS, ids=str)
def test_edit_can_be_made(item):
    text = _source(by_layer()[item.spec].kernels[item.tensor])
    for old, new in item.edits:
        assert old in text
        assert old != new
        text = text.replace(old, new)
    compile(text, "edited", "exec")


@pytest.mark.parametrize("item", ITEMS, ids=str)
def test_first_dozen_settings_show_it(item):
    spec = SPECS[item.spec]
    cases = [
        make(spec, setting, "float64", style, flags=FLAGS[mode])
        for setting in grid(spec)[:FIRST]
        for mode in setting.modes or spec.modes
        for style in ("integer", "random", *item.mistake.styles)
    ]
    results = [(case, judged(item, case).tensors.get(item.tensor)) for case in cases]
    shown = {(str(case.args), str(case.shapes)) for case, result in results if result and result.failed}
    assert len(shown) >= 2
    assert any(result.status == "ran" for _, result in results if result), "it raises everywhere: a slip of the pen?"


@pytest.mark.parametrize("item", ITEMS, ids=str)
def test_diagnosis_gives_its_name(item):
    assert named(item, cases_of(item.spec)) == item.mistake.id
