"""The one report: what was judged, as plain data (`check --json`). Every other report is a function of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oracle.comparison import TensorResult, worst_accuracy
from oracle.findings import Findings
from oracle.judge import Judgement
from oracle.reports.repro import repro
from oracle.strength import strength

Json = dict[str, Any]
WRONG = ("wrong", "error", "partial")

NOTES = {
    "torch-has-none": "some cases are not judged, because torch itself has no answer to them in this dtype",
    "less-accurate-than-torch": "off by more than twice the error of torch itself in this dtype, and by no more than "
    "rounding after every step explains: right, with fewer digits",
    "lower-precision": "computes in a lower precision than its input has: right, with fewer digits",
    "different-algorithm": "accurate in the norm of the tensor and not in each element, as a convolution by FFT is",
    "more-accurate-than-torch": "where it differs from torch, the exact result is on its side",
    "modifies-input": "changes the upstream gradient that it is given; harmless where nobody reads it again",
}


def file_report(target: str, convention: str, isolation: str, seconds: float, torch_version: str,
                specs: Sequence[Json], problems: Sequence[str] = (), bindings: Sequence[str] = ()) -> Json:  # fmt: skip
    """The report of one target."""
    verdicts = [spec["verdict"] for spec in specs]
    if any(verdict in WRONG for verdict in verdicts):
        verdict = "wrong"
    elif "unjudged" in verdicts or not any(verdict == "right" for verdict in verdicts):
        verdict = "unjudged"
    else:
        verdict = "right"
    return {
        "version": 1,
        "target": target,
        "convention": convention,
        "isolation": isolation,
        "seconds": round(seconds, 3),
        "torch": torch_version,
        "verdict": verdict,
        "strength": {
            "mistakes": sum(len(spec["strength"]["caught"]) + len(spec["strength"]["not_caught"]) for spec in specs),
            "would_be_caught": sum(len(spec["strength"]["caught"]) for spec in specs),
            "cases": sum(spec["cases"] for spec in specs),
            "skipped": sum(spec["skipped"] for spec in specs),
            "unjudged": sum(spec["unjudged"] for spec in specs),
            "flat": sum(spec["strength"]["flat"] for spec in specs),
        },
        "specs": list(specs),
        "problems": list(problems),
        "bindings": list(bindings),
    }


def missing_spec(spec: str, implements: str, asked_for: bool) -> Json:
    """A template that nobody filled in. It spoils a file only where the layer was asked for by name."""
    return _spec(spec, implements, "partial" if asked_for else "missing", "an unfilled template", {}, 0, 0, 0)


def unjudged_spec(spec: str, implements: str, reason: str) -> Json:
    return _spec(spec, implements, "unjudged", reason, {}, 0, 0, 0)


def spec_report(judgement: Judgement, findings: Findings) -> Json:
    """One layer of one target."""
    tensors = {name: _tensor(results) for name, results in judgement.tensors.items()}
    for name, mistake in findings.excused.items():
        tensors[name]["attribution"] = f"convention:{mistake.id}"
    for name, found in findings.diagnoses.items():
        tensors[name]["attribution"] = "mistake:" + "+".join(mistake.id for mistake in found.mistakes)
    report = _spec(judgement.subject.spec, judgement.subject.implements, judgement.verdict, _reason(judgement), tensors,
                   len(judgement.results), len(judgement.failed), judgement.skipped)  # fmt: skip
    when, smallest = findings.when, findings.smallest
    report["wrong_when"] = None if when is None else str(when)
    report["right_when"] = None if when is None else when.right
    report["smallest_case"] = None if smallest is None else smallest.case.id
    report["repro"] = None if smallest is None else repro(smallest, judgement.subject.implements)
    caught, not_caught = strength(judgement.subject.spec, (result.case for result in judgement.results))
    report["unjudged"] = sum(result.unjudged for result in judgement.results)
    report["strength"] = {
        "caught": caught,
        "not_caught": not_caught,
        "flat": sum(bool(result.flat) for result in judgement.results),
    }
    report["own_derivative"] = all(findings.derivative.values()) if findings.derivative else None
    report["message"] = _message(judgement, tensors, findings)
    report["diagnoses"] = [
        {
            "mistake": mistake.id,
            "tensor": found.tensor,
            "explains": found.explains,
            "of": found.of,
            "hint": hint,
            "fix": fix,
        }
        for found in findings.diagnoses.values()
        for mistake in found.mistakes
        for hint, fix in [judgement.subject.says.get(mistake.id, (mistake.hint, mistake.fix))]
    ]
    ids = dict.fromkeys(note for result in judgement.results for note in result.notes)
    report["notes"] = [{"id": note, "text": NOTES[note]} for note in ids]
    converted = dict.fromkeys(text for result in judgement.results for text in result.converted)
    report["notes"] += [{"id": "converted", "text": text} for text in converted]
    report["notes"] += [{"id": id, "text": text} for id, text in judgement.subject.notes]
    report["notes"] += [
        {"id": mistake.id, "text": f"{name} differs from torch by a convention: {mistake.hint}"}
        for name, mistake in findings.excused.items()
    ]
    return report


def _spec(spec: str, implements: str, verdict: str, reason: str | None, tensors: Json, cases: int, failed: int,
          skipped: int) -> Json:  # fmt: skip
    return {
        "spec": spec,
        "implements": implements,
        "verdict": verdict,
        "reason": reason,
        "cases": cases,
        "failed": failed,
        "skipped": skipped,
        "unjudged": 0,
        "strength": {"caught": [], "not_caught": [], "flat": 0},
        "tensors": tensors,
        "right_when": None,
        "wrong_when": None,
        "smallest_case": None,
        "repro": None,
        "message": reason or "",
        "own_derivative": None,
        "diagnoses": [],
        "notes": [],
    }


def _tensor(results: list[TensorResult]) -> Json:
    """One tensor over all cases: the worst that was seen of it."""
    judged = [result for result in results if result.status != "unjudged"]
    failed = [result for result in judged if result.failed]
    statuses = {result.status for result in judged}
    status = next((s for s in ("ran", "error", "missing") if s in statuses), "unjudged")
    worst = [result.worst for result in judged if result.worst is not None]
    unbounded = [result for result in failed if result.worst is None]
    return {
        "status": status,
        "accuracy": worst_accuracy(judged),
        "attribution": None,
        "failed": len(failed),
        "worst": None if unbounded or not worst else max(worst),
        "reason": unbounded[0].reason if unbounded else failed[0].reason if failed else None,
    }


def _reason(judgement: Judgement) -> str | None:
    """Why a layer could not be judged, or what stopped it everywhere."""
    if judgement.verdict not in ("unjudged", "error"):
        return None
    for result in judgement.results:
        for tensor in result.tensors.values():
            if tensor.status in ("unjudged", "error"):
                return tensor.reason
    return judgement.subject.untaken or "it offers none of the settings that were asked for"


def _message(judgement: Judgement, tensors: Json, findings: Findings) -> str:
    """The sentence that a person reads first."""
    match judgement.verdict:
        case "right":
            return "right in every case"
        case "unjudged":
            return f"not judged: {_reason(judgement)}"
        case "partial":
            absent = [name for name, tensor in tensors.items() if tensor["status"] == "missing"]
            return f"what is there is right; {', '.join(absent)} missing"
    wrong = [name for name, tensor in tensors.items() if tensor["failed"]]
    text = f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong {_where(judgement, findings)}"
    if findings.smallest is not None:
        first = next(result for result in findings.smallest.tensors.values() if result.failed)
        text += f"; in the smallest case: {first.reason}"
    places = [f"{name} {place}" for name, place in findings.places.items()]
    if places:
        text += f". No known mistake explains it; the wrong elements lie: {'; '.join(places)}"
    elif not findings.diagnoses and any(tensors[name]["accuracy"] == "wrong" for name in wrong):
        text += ". No known mistake explains it"
    own = [name for name in wrong if findings.derivative.get(name)]
    if own:
        kinds = "is the right derivative" if len(own) == 1 else "are the right derivatives"
        text += f". {', '.join(own)} {kinds} of this forward, which is wrong: mend out first"
    return text


def _where(judgement: Judgement, findings: Findings) -> str:
    """ "when padding = 0 (31 of 120 cases)" """
    failed, judged = len(judgement.failed), sum(not result.unjudged for result in judgement.results)
    rate = f"{failed} of {judged} cases"
    if findings.when is None or findings.when.wrong == "always":
        return "in every case" if failed == judged else f"in {rate}"
    if findings.when.is_exact:
        return f"when {findings.when.wrong} ({rate})"
    return f"{findings.when} ({rate})"
