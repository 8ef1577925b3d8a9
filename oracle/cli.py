"""The command line. torch is imported only by the commands that need it: `oracle --help` answers at once."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

RIGHT, WRONG, USAGE, UNJUDGED = 0, 1, 2, 3
MOST_CASES = 1_000_000
LARGEST_SEED = 10**15

app = typer.Typer(
    help="Judge any implementation of a neural-network layer against torch.nn: outputs and gradients.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    sys.path.insert(0, os.getcwd())  # for targets such as package.module:Name
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode still gets its report
    try:
        app()
    except Exception as error:
        from oracle.judge import ours

        fail(ours(error), UNJUDGED)


def fail(message: str, code: int = USAGE) -> NoReturn:
    """End with a message for a person, never a traceback."""
    print(f"oracle: {message}", file=sys.stderr)
    raise SystemExit(code)


@app.command("list")
def list_layers(json_: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """The layers, their settings, and the number of cases."""
    from oracle.layers import FAMILY, SPECS
    from oracle.layers.scope import MUST, SHOULD, covered, missing
    from oracle.selection import all_cases, grid

    rows: list[dict[str, Any]] = [
        {"spec": name, "family": FAMILY[name], "settings": len(grid(spec)), "cases": sum(1 for _ in all_cases(spec))}
        for name, spec in SPECS.items()
    ]
    if json_:
        print(json.dumps({"version": 1, "layers": rows, "missing": missing()}, indent=1))
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
    console.print(f"{len(rows)} layers and optimizers, {sum(row['cases'] for row in rows)} cases", highlight=False)
    scope = len(MUST) + len(SHOULD)
    console.print(f"{len(covered())} of the {scope} classes of torch.nn that are in scope", highlight=False)
    if missing():
        console.print(f"not yet there: {', '.join(missing())}", style="dim", highlight=False)


@app.command()
def check(
    target: Annotated[list[str], typer.Argument(help="scratchnet, a .py file, a folder, or package.module[:Name]")],
    spec: Annotated[list[str] | None, typer.Option(help="judge this layer only; may be repeated")] = None,
    convention: Annotated[str, typer.Option(help="auto, cs231n, dlfs, mytorch, dlai, eecs, snu, class...")] = "auto",
    cases: Annotated[str, typer.Option(help="cases for each layer, or 'all'")] = "120",
    case: Annotated[str | None, typer.Option(help="replay this one case")] = None,
    dtype: Annotated[str | None, typer.Option(help="float64, float32; for torch modules float16, bfloat16")] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="other values for the same settings")] = 0,
    timeout: Annotated[float, typer.Option(min=0.01, help="seconds for one case")] = 10.0,
    budget: Annotated[float, typer.Option(min=0.1, help="seconds for all of a target")] = 300.0,
    map_: Annotated[str, typer.Option("--map", help="what cannot be guessed of a class: see above")] = "",
    require_isolation: Annotated[str, typer.Option(help="run nothing with less than L0, L1, L2 or L3")] = "L0",
    jobs: Annotated[int, typer.Option("-j", min=1, help="how many targets are judged at once")] = 1,
    json_: Annotated[str | None, typer.Option("--json", help="write the report as JSON to this file, or - ")] = None,
    csv: Annotated[str | None, typer.Option(help="write a row for each target and layer to this file, or -")] = None,
    repro: Annotated[str | None, typer.Option(help="write the smallest failing case as a script to this file")] = None,
) -> None:
    """Judge every layer that TARGET offers against torch.nn.

    Exit code: 0 right, 1 wrong, 2 bad usage, 3 could not be judged.

    \b
    --map says what cannot be guessed of a class, each part after a semicolon:
      MyConv=Conv2d                    which layer a class is
      k=kernel_size  rng=None  g=dout  what an argument means: a setting, a
                                       literal, or x, target, dout, lr, cache
      forward=run  backward=back       the names of the methods
      x=NHWC                           images: NCHW, NHWC, HWC, CHW or HW
      weight=filters:HWIO  bias=none   where the weights are kept, and how;
                                       HWIO:flipped for a rotated kernel
      dweight=grads[W]  return[0]=dx   where a gradient is kept, or stands in
                                       what backward returns
      grad_scale=1/N                   gradients are divided by the size of
                                       the batch; N: they are multiplied
      lr=1                             the learning rate, where backward
                                       changes the weights itself
    """
    from oracle.cases import CaseError, parse
    from oracle.formats import FORMATS
    from oracle.worker.limits import LEVELS, IsolationError, Limits, memory_limit

    if cases != "all" and not (cases.isdecimal() and 0 < int(cases[:9]) <= MOST_CASES and len(cases) < 9):
        fail(f"--cases {cases}: a number from 1 to {MOST_CASES}, or 'all' expected")
    if dtype not in (None, *FORMATS):
        fail(f"--dtype {dtype}: one of {', '.join(FORMATS)} expected")
    if require_isolation not in LEVELS:
        fail(f"--require-isolation {require_isolation}: one of {', '.join(LEVELS)} expected")
    if "" in target:
        fail("an empty TARGET: a .py file, a folder or the name of a module expected")
    for path in (json_, csv, repro):
        if path is not None and path != "-":
            _can_be_written(Path(path))
    try:
        replayed = None if case is None else parse(case)
    except CaseError as error:
        fail(str(error))
    try:
        limits = Limits(timeout, memory_limit(jobs), require=require_isolation)
        settings = (spec or [], convention, cases, replayed, dtype, seed, timeout, budget, map_, limits)
        reports = _check_all(target, settings, jobs, quiet="-" in (json_, csv))
    except IsolationError as error:
        fail(str(error), UNJUDGED)
    except ValueError as error:  # a TargetError, or an unknown layer
        fail(str(error))
    if json_ is not None:
        data = reports[0] if len(reports) == 1 else {"version": 1, "targets": reports}
        _write(json_, json.dumps(data, indent=1) + "\n")
    if csv is not None:
        from oracle.reports.table import as_csv

        _write(csv, as_csv(reports))
    if repro is not None:
        scripts = [one["repro"] for report in reports for one in report["specs"] if one["repro"]]
        if scripts:
            _write(repro, scripts[0])
        else:
            said = "nothing to write to --repro: no layer failed with a case that a script can show"
            print(f"oracle: {said}", file=sys.stderr)
    verdicts = {report["verdict"] for report in reports}
    raise SystemExit(WRONG if "wrong" in verdicts else UNJUDGED if "unjudged" in verdicts else RIGHT)


def _check_all(targets: list[str], settings: tuple[Any, ...], jobs: int, quiet: bool) -> list[dict[str, Any]]:
    """The reports in the order of the targets. Of several targets one that cannot be opened is unjudged, and the others
    are judged all the same."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from oracle.checking import check, check_or_say_why
    from oracle.reports.terminal import print_report

    columns = TextColumn("{task.description}", markup=False), BarColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def begins(name: str, layer: str, count: int) -> None:
            bar.update(task, description=f"{name}: {layer}, {count} cases")

        if len(targets) == 1:
            reports = [check(targets[0], *(*settings, begins))]
        elif jobs == 1:
            reports = [check_or_say_why(one, *settings, begins) for one in targets]
        else:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            bar.update(task, description=f"{len(targets)} targets, {jobs} at once", total=len(targets))
            with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
                running = [pool.submit(check_or_say_why, one, *settings) for one in targets]
                for one in running:
                    one.add_done_callback(lambda _: bar.advance(task))
                reports = [one.result() for one in running]
    if not quiet:
        for report in reports:
            print_report(report, Console(highlight=False))
    return reports


def _can_be_written(path: Path) -> None:
    """Said before the cases are run, not after."""
    if path.is_dir():
        fail(f"{path} cannot be written: it is a folder")
    if not path.parent.is_dir():
        fail(f"{path} cannot be written: there is no folder {path.parent}")


def _write(path: str, text: str) -> None:
    """To a file, or to stdout where `path` is "-"."""
    if path == "-":
        print(text, end="")
        return
    try:
        Path(path).write_text(text)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")


@app.command()
def explain(
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE-ID]", help="without one: the course note's example")
    ] = None,
    element: Annotated[str | None, typer.Option(help='one element, such as "out[0,0,0,0]"')] = None,
) -> None:
    """The sum behind one element, term by term, and why terms are absent."""
    from rich.console import Console

    from oracle.explaining import explain as explain_case

    raise SystemExit(explain_case(case, element, Console(highlight=False)))


@app.command()
def doctor() -> None:
    """What isolation this machine gives to code under test: each escape is tried for real.

    Exit code: 0 where code of other people can be judged, else 3.
    """
    from oracle.doctor import report

    raise SystemExit(report())


if __name__ == "__main__":
    main()
