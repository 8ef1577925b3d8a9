"""The report for a person at a terminal: what is wrong comes first, then a row for each layer."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oracle.reports.model import WRONG, Json

_STYLE = {"right": "green", "wrong": "bold red", "error": "bold red", "partial": "yellow", "missing": "dim", "unjudged": "yellow"}


def print_report(report: Json, console: Console) -> None:
    """One target."""
    specs = report["specs"]
    console.print(_headline(report))
    for spec in specs:
        if spec["verdict"] in WRONG:
            _print_story(spec, report["target"], console)
    console.print(_table(specs))
    for problem in report["problems"]:
        console.print(f"note: {problem}", markup=False)
    console.print(
        f"{report['strength']['cases']} cases against torch {report['torch']} in {report['seconds']:.1f} s; "
        "worst error: 1 is all that rounding can explain, more is wrong",
        style="dim", highlight=False,
    )  # fmt: skip


def _headline(report: Json) -> Text:
    specs, verdict = report["specs"], report["verdict"]
    judged = [spec for spec in specs if spec["verdict"] != "missing"]
    right = sum(spec["verdict"] == "right" for spec in judged)
    text = Text(f"{report['target']}: ")
    text.append(verdict, _STYLE[verdict])
    text.append(f", {right} of {len(judged)} layers right")
    return text


def _print_story(spec: Json, target: str, console: Console) -> None:
    console.print()
    console.print(Text.assemble((spec["spec"], "bold"), f" ({spec['implements']}): ", (spec["message"], "red")))
    for found in spec["diagnoses"]:
        console.print(Text.assemble("  ", (f"{found['tensor']}: {found['mistake']}", "bold"), f": {found['hint']}"))
        console.print(Text.assemble("    write: ", (found["fix"], "green")))
    if spec["repro"]:
        for line in spec["repro"].splitlines():
            if " = np." in line and len(line) < 200:
                console.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
    if spec["smallest_case"]:
        console.print(f"  smallest failing case: {spec['smallest_case']}", markup=False, highlight=False, soft_wrap=True)
        console.print(f'  replay: oracle check {target} --case "{spec["smallest_case"]}"', markup=False, highlight=False,
                      soft_wrap=True)  # fmt: skip


def _table(specs: list[Json]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name, justify in (("layer", "left"), ("verdict", "left"), ("failed / cases", "right"), ("worst error", "right"),
                          ("wrong tensors", "left"), ("is", "left")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for spec in specs:
        tensors = spec["tensors"]
        wrong = [name for name, tensor in tensors.items() if tensor["failed"]]
        worst = [tensor["worst"] for tensor in tensors.values() if tensor["worst"] is not None and not tensor["failed"]]
        table.add_row(
            spec["spec"],
            Text(spec["verdict"], _STYLE[spec["verdict"]]),
            f"{spec['failed']} / {spec['cases']}",
            f"{max(worst):.2f}" if worst else "",
            Text(", ".join(wrong), "red"),
            Text(spec["implements"], "dim"),
        )
    return table
