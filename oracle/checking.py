"""`check`: judge everything that a target offers, and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from oracle.accuracy import settle
from oracle.cases import Case
from oracle.findings import Findings, investigate
from oracle.formats import HALVES
from oracle.judge import Judgement, judge, ours
from oracle.layers import find_spec
from oracle.layers.spec import Setting
from oracle.reports.model import Json, file_report, missing_spec, spec_report, unjudged_spec
from oracle.selection import DEFAULT_COUNT, FIRST, all_cases, default_cases
from oracle.subjects import Subject
from oracle.subjects.target import open_target
from oracle.subjects.torch_module import TorchModule
from oracle.worker.limits import Limits

FRESH = 24  # new cases on which a condition is tried before it is printed

_NO_HALF = "{}: for modules of torch only, since NumPy computes in float32 and float64"

Progress = Callable[[str, str, int], None]  # target, layer, number of cases that begin


def check(
    target: str,
    specs: Sequence[str] = (),
    convention: str = "auto",
    cases: int | str = DEFAULT_COUNT,
    case: Case | None = None,
    dtype: str | None = None,
    seed: int = 0,
    timeout: float = 10.0,
    budget: float = 300.0,
    map_text: str = "",
    limits: Limits | None = None,
    progress: Progress = lambda target, spec, count: None,
) -> Json:
    """Judge `target` and return its report (the data of `check --json`).

    target      "scratchnet", "naive", a .py file, a notebook, a folder, a zip, or "package.module[:Name]"
    specs       only these layers (torch.nn's names)
    cases       how many cases a layer gets, or "all"
    case        this one case alone
    dtype       cases of this dtype only; float16 and bfloat16 for modules of torch
    timeout     seconds that one case may take
    budget      seconds for the whole target; what it does not reach is unjudged
    limits      what a file's code may use, and the isolation that it must have; they say the timeout too
    map_text    what cannot be guessed of a class, in the words of `check --map`
    Raises TargetError (a ValueError) where the target cannot be opened, ValueError for an unknown layer.
    """
    wanted = [find_spec(name).name for name in (specs or ([case.spec.name] if case else ()))]
    if case is not None and wanted != [case.spec.name]:
        raise ValueError(f"the case is one of {case.spec.name}, not of {', '.join(wanted)}")
    start = time.monotonic()
    with open_target(target, wanted or None, convention, timeout, map_text, limits, budget) as opened:
        reports = []
        for subject in opened.subjects:
            try:
                asked = case.dtype if case else dtype
                if asked in HALVES and not isinstance(subject, TorchModule):
                    reports.append(unjudged_spec(subject.spec, subject.implements, _NO_HALF.format(asked)))
                    continue
                chosen, skipped = _choose(subject, cases, case, dtype, seed)
                progress(target, subject.spec, len(chosen))
                left = max(budget - (time.monotonic() - start), 0.0)
                share = left if subject is opened.subjects[-1] else left / 2  # one slow layer leaves the others some
                judgement = judge(subject, chosen, skipped, share)
                if computes_nothing(judgement):
                    reports.append(missing_spec(subject.spec, subject.implements, subject.spec in wanted))
                else:
                    reports.append(investigated(judgement, seed))
            except Exception as error:  # ours: the other layers' reports must not be lost by it
                reports.append(unjudged_spec(subject.spec, subject.implements, ours(error)))
        reports += [unjudged_spec(*entry) for entry in opened.unjudged]
        reports += [missing_spec(spec, implements, spec in wanted) for spec, implements in opened.missing]
        seconds = time.monotonic() - start
        return file_report(opened.name, opened.convention, opened.isolation, seconds, version("torch"), reports,
                           opened.problems, opened.bindings)  # fmt: skip


def computes_nothing(judgement: Judgement) -> bool:
    """Whether it is a template that only turned out to be one when it ran."""
    tensors = [tensor for result in judgement.results for tensor in result.tensors.values()]
    return bool(tensors) and all(tensor.status == "missing" for tensor in tensors)


def check_or_say_why(target: str, *settings: Any) -> Json:
    """`check`, for one target of several: one that cannot be opened is unjudged, with the reason."""
    try:
        return check(target, *settings)
    except ValueError as error:
        return file_report(target, "auto", "none", 0.0, version("torch"), [], [str(error)])


def takes(subject: Subject, setting: Setting) -> bool:
    spec = find_spec(subject.spec)
    return subject.takes(spec.complete(setting.args), True, setting.shapes)


def _choose(subject: Subject, cases: int | str, case: Case | None, dtype: str | None,
            seed: int) -> tuple[list[Case], int]:  # fmt: skip
    spec = find_spec(subject.spec)
    if case is not None:
        taken = subject.takes(case.settings, case.training, case.shapes)
        return [case] if taken else [], 0 if taken else 1
    fixed = subject.fixed
    if cases == "all":
        chosen, skipped = list(all_cases(spec, lambda setting: takes(subject, setting), seed, fixed, dtype)), 0
    else:
        chosen, skipped = default_cases(spec, lambda setting: takes(subject, setting), int(cases), seed, fixed,
                                        dtype)  # fmt: skip
    return [each for each in chosen if subject.takes(each.settings, each.training, each.shapes)], skipped


def investigated(judgement: Judgement, seed: int) -> Json:
    """The report of one layer, with what explains its failures."""
    judgement = settle(judgement)
    if not judgement.failed:
        return spec_report(judgement, Findings())
    dtype = judgement.results[0].case.dtype
    fresh, _ = default_cases(find_spec(judgement.subject.spec), lambda setting: takes(judgement.subject, setting),
                             2 * FIRST + FRESH, seed + 1000, judgement.subject.fixed,
                             dtype if dtype in HALVES else None)  # fmt: skip
    try:
        return spec_report(*investigate(judgement, fresh))
    except Exception as error:  # ours, and what is wrong stays wrong without its explanation
        report = spec_report(judgement, Findings())
        report["message"] += f"; why was not found: {ours(error)}"
        return report
