"""The report as rows: one for each target and layer, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from oracle.reports.model import Json

COLUMNS = (
    "target", "layer", "code", "verdict", "cases", "failed", "wrong", "when", "mistakes", "smallest_case", "message",
)  # fmt: skip


def as_csv(reports: Sequence[Json]) -> str:
    """A row a layer; a target of which nothing could be judged has one row without a layer, and says why."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for report in reports:
        for spec in report["specs"]:
            rows.writerow(_row(report["target"], spec))
        if not report["specs"]:
            said = "; ".join(report["problems"])
            rows.writerow({"target": _safe(report["target"]), "verdict": report["verdict"], "message": _safe(said)})
    return text.getvalue()


def _row(target: str, spec: Json) -> Json:
    wrong = [name for name, tensor in spec["tensors"].items() if tensor["failed"]]
    row = {
        "target": target,
        "layer": spec["spec"],
        "code": spec["implements"],
        "verdict": spec["verdict"],
        "cases": spec["cases"],
        "failed": spec["failed"],
        "wrong": " ".join(wrong),
        "when": spec["wrong_when"] or "",
        "mistakes": " ".join(dict.fromkeys(found["mistake"] for found in spec["diagnoses"])),
        "smallest_case": spec["smallest_case"] or "",
        "message": spec["message"],
    }
    return {name: _safe(value) if isinstance(value, str) else value for name, value in row.items()}


def _safe(text: str) -> str:
    """A cell that begins as a formula would be computed by a spreadsheet; names come from strangers' files."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t")) else text
