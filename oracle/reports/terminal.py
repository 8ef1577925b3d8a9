"""The report for a person at a terminal: what is wrong comes first, then a row for each layer."""

from __future__ import annotations

from shlex import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oracle.reports.model import WRONG, Json

_STYLE = {
    "right": "green", "wrong": "bold red", "error": "bold red", "partial": "yellow", "missing": "dim",
    "unjudged": "yellow",
}  # fmt: skip


def print_report(report: Json, console: Console) -> None:
    """One target."""
    console.print(_headline(report))
    for spec in report["specs"]:
        if spec["verdict"] in (*WRONG, "unjudged"):
            _print_story(spec, report["target"], console)
    console.print()
    console.print(_table(report["specs"]))
    for spec in report["specs"]:
        for note in spec["notes"]:
            console.print(f"note: {spec['spec']}: {note['text']}", markup=False)
    for binding in report["bindings"]:
        console.print(f"taken: {binding}", style="dim", markup=False, highlight=False)
    for problem in report["problems"]:
        console.print(f"note: {problem}", markup=False)
    console.print(_strength(report), style="dim")


def _strength(report: Json) -> str:
    known = report["strength"]
    where = "" if report["isolation"] in ("in-process", "none") else f", isolation {report['isolation']}"
    text = f"{known['cases']} cases against torch {report['torch']} in {report['seconds']:.1f} s{where}."
    if known["mistakes"]:
        text += f" {known['would_be_caught']} of {known['mistakes']} known mistakes would have been caught."
    if known["unjudged"]:
        text += f" {known['unjudged']} cases could not be judged."
    return text + " Error 1 is all that rounding can explain; more is wrong."


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
        replay = f'oracle check {quote(target)} --case "{spec["smallest_case"]}"'
        for line in (f"smallest failing case: {spec['smallest_case']}", f"replay: {replay}"):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _table(specs: list[Json]) -> Table:
    """A row a layer. The code that was judged stands last, where it may wrap; scratchnet's own needs no name."""
    named = any(not spec["implements"].startswith("scratchnet.") for spec in specs)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("layer", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("failed", justify="right", no_wrap=True)
    table.add_column("cases", justify="right", no_wrap=True)
    table.add_column("error", justify="right", no_wrap=True)
    table.add_column("wrong tensors", overflow="fold")
    if named:
        table.add_column("code", overflow="fold")
    for spec in specs:
        tensors = spec["tensors"]
        wrong = [name for name, tensor in tensors.items() if tensor["failed"]]
        worst = [tensor["worst"] for tensor in tensors.values() if tensor["worst"] is not None and not tensor["failed"]]
        row = [
            spec["spec"],
            Text(spec["verdict"], _STYLE[spec["verdict"]]),
            str(spec["failed"]),
            str(spec["cases"]),
            f"{max(worst):.2f}" if worst else "",
            Text(", ".join(wrong), "red"),
        ]
        table.add_row(*row, *([Text(spec["implements"], "dim")] if named else []))
    return table
