"""A course's row, or the class as it is? Readers of a book write its classes their own way: with other numbers in them,
with dropout as torch has it, with gradients in a list. What is right as the course has it is judged so; where a trial
run is not, the class is read as one of any shape, and taken so if that is nearer to being right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import permutations

from oracle.layers import FAMILY, SPECS
from oracle.subjects.binding import Binding
from oracle.subjects.candidates import EPS
from oracle.subjects.probe import Probe, compared
from oracle.subjects.trial_calls import trial
from oracle.subjects.trials import settled

Near = tuple[bool, int, int]  # whether out is right, tensors that are right less those missing, of the right shape


def with_own_eps(row: Binding, probe: Probe, written: Collection[float]) -> Binding:
    """With the eps that is `written` in the code, where it is not the course's own: of several the one that comes
    nearest in a trial run, as of all that are usual where none is seen."""
    if "eps-fixed" not in row.differences or row.fixed["eps"] in written:
        return row
    others = [replace(row, fixed={**row.fixed, "eps": eps}) for eps in sorted(written) or (row.fixed["eps"], *EPS)]
    return others[0] if len(others) == 1 else max(others, key=lambda each: _near(each, probe)[0])


def with_own_gates(row: Binding, probe: Probe) -> Binding:
    """With the gates in the order that gives torch's out, the course's first: it is the reader's to choose, where the
    weights are given to a class of his own; a function that is handed out says the order."""
    _, own, _ = re.split("[>:]", f"{row.layouts.get('weight_ih', '')}>:", maxsplit=2)
    if not own or row.plan.make is None or _near(row, probe)[0][0]:
        return row
    orders = map("".join, permutations(own))
    others = [{tensor: layout.replace(f">{own}:", f">{order}:") for tensor, layout in row.layouts.items()}
              for order in orders]  # fmt: skip
    return max((row, *(replace(row, layouts=each) for each in others)), key=lambda each: _near(each, probe)[0])


def nearest(rows: Sequence[Binding], probe: Probe, docstring: str, written: Collection[float],
            as_class: Callable[[], Binding | None]) -> list[Binding]:  # fmt: skip
    """The rows of one class, settled, where `docstring` is what the file says of them; or the one binding that
    `as_class` makes of it. Of several forms of one layer (labels as class numbers and as rows), one that raises is not
    asked for where another one does not: a book prints one, and its files have both."""
    found = [with_own_gates(with_own_eps(settled(row, probe, docstring), probe, written), probe) for row in rows]
    make = rows[0].plan.make
    if make is None or FAMILY[rows[0].spec] == "optim":
        return found
    found = [row for row in found if not _raises(row, probe)] or found
    near = [_near(row, probe) for row in found]
    if any(whole for _, whole in near):
        return found
    other = as_class()
    return [other] if other and _near(other, probe)[0] > max(each for each, _ in near) else found


def _raises(row: Binding, probe: Probe) -> bool:
    try:
        call = trial(SPECS[row.spec], binding=row)
    except ValueError:
        return False
    return bool(probe.run(row, call)[0].failures)


def _near(binding: Binding, probe: Probe) -> tuple[Near, bool]:
    """(how near a trial run is, whether all of it is right). What has no trial run is left as it is."""
    spec = SPECS[binding.spec]
    try:
        call = trial(spec, binding=binding)
    except ValueError:
        return (True, 0, 0), True
    expected, came, alike, right = compared(spec, binding, call, probe)
    missing = {name for name in expected if not binding.lacks(call, name)} - {*came}
    return ("out" in right, len(right) - len(missing), len(alike)), not missing and {*came} & {*expected} <= {*right}
