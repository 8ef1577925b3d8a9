"""The command line. torch is imported only by the commands that need it: `oracle --help` answers at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

RIGHT, WRONG, USAGE, UNJUDGED = 0, 1, 2, 3

app = typer.Typer(
    help="Judge any implementation of a neural-network layer against torch.nn: outputs and gradients.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    sys.path.insert(0, os.getcwd())  # for targets such as package.module:Name
    try:
        app()
    except KeyboardInterrupt:
        fail("interrupted", UNJUDGED)


def fail(message: str, code: int = USAGE) -> None:
    """End with a message for a person, never a traceback."""
    print(f"oracle: {message}", file=sys.stderr)
    raise SystemExit(code)


@app.command("list")
def list_layers(json_: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """The layers, their settings, and the number of cases."""
    from oracle.layers import FAMILY, SPECS
    from oracle.selection import all_cases, grid

    rows = [
        {"spec": name, "family": FAMILY[name], "settings": len(grid(spec)), "cases": sum(1 for _ in all_cases(spec))}
        for name, spec in SPECS.items()
    ]
    if json_:
        print(json.dumps({"version": 1, "layers": rows}, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("layer", "family", box=None, pad_edge=False, header_style="dim")
    table.add_column("settings", justify="right")
    table.add_column("cases", justify="right")
    for row in rows:
        table.add_row(row["spec"], row["family"], str(row["settings"]), str(row["cases"]))
    console = Console()
    console.print(table)
    console.print(f"{len(rows)} layers, {sum(int(row['cases']) for row in rows)} cases", style="dim", highlight=False)


@app.command()
def check(
    target: Annotated[list[str], typer.Argument(help="scratchnet, a .py file, a folder, or package.module[:Name]")],
    spec: Annotated[Optional[list[str]], typer.Option(help="judge this layer only; may be repeated")] = None,
    convention: Annotated[str, typer.Option(help="how the file passes arguments: auto, cs231n, class, torch")] = "auto",
    cases: Annotated[str, typer.Option(help="cases for each layer, or 'all'")] = "120",
    case: Annotated[Optional[str], typer.Option(help="replay this one case")] = None,
    dtype: Annotated[Optional[str], typer.Option(help="only float32 or float64 cases")] = None,
    seed: Annotated[int, typer.Option(min=0, help="other values for the same settings")] = 0,
    timeout: Annotated[float, typer.Option(min=0.01, help="seconds for one case")] = 10.0,
    budget: Annotated[float, typer.Option(min=0.1, help="seconds for all of a target")] = 300.0,
    json_: Annotated[Optional[str], typer.Option("--json", help="write the report as JSON to this file, or - ")] = None,
    repro: Annotated[Optional[str], typer.Option(help="write the smallest failing case as a script to this file")] = None,
) -> None:
    """Judge every layer that TARGET offers against torch.nn.

    Exit code: 0 right, 1 wrong, 2 bad usage, 3 could not be judged.
    """
    from oracle.cases import DTYPES, CaseError, parse

    if cases != "all" and not (cases.isdigit() and int(cases)):
        fail(f"--cases {cases}: a number above 0 or 'all' expected")
    if dtype not in (None, *DTYPES):
        fail(f"--dtype {dtype}: one of {', '.join(DTYPES)} expected")
    try:
        replayed = None if case is None else parse(case)
    except CaseError as error:
        fail(str(error))
    try:
        reports = _check_all(target, spec or [], convention, cases, replayed, dtype, seed, timeout, budget, json_ == "-")
    except ValueError as error:  # a TargetError, or an unknown layer
        fail(str(error))
    if json_ is not None:
        text = json.dumps(reports[0] if len(reports) == 1 else {"version": 1, "targets": reports}, indent=1)
        if json_ == "-":
            print(text)
        else:
            _write(Path(json_), text)
    if repro is not None:
        scripts = [one["repro"] for report in reports for one in report["specs"] if one["repro"]]
        if scripts:
            _write(Path(repro), scripts[0])
        else:
            print("oracle: nothing to write to --repro: no layer failed with a case that a script can show", file=sys.stderr)
    verdicts = {report["verdict"] for report in reports}
    raise SystemExit(WRONG if "wrong" in verdicts else UNJUDGED if "unjudged" in verdicts else RIGHT)


def _check_all(targets, specs, convention, cases, case, dtype, seed, timeout, budget, quiet) -> list[dict]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from oracle.checking import check
    from oracle.reports.terminal import print_report

    reports = []
    with Progress(TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), transient=True) as bar:
        for one in targets:
            task = bar.add_task(f"{one}", total=None)
            report = check(one, specs, convention, cases, case, dtype, seed, timeout, budget,
                           lambda name, layer, count, task=task: bar.update(task, description=f"{name}: {layer}, {count} cases"))  # fmt: skip
            bar.remove_task(task)
            reports.append(report)
    if not quiet:
        for report in reports:
            print_report(report, Console(highlight=False))
    return reports


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")


@app.command()
def explain(
    case: Annotated[Optional[str], typer.Argument(metavar="[CASE-ID]", help="without one: the course note's example")] = None,
    element: Annotated[Optional[str], typer.Option(help='one element, such as "out[0,0,0,0]"')] = None,
) -> None:
    """The sum behind one element, term by term, and why terms are absent."""
    from rich.console import Console

    from oracle.explaining import explain as explain_case

    raise SystemExit(explain_case(case, element, Console(highlight=False)))


if __name__ == "__main__":
    main()
