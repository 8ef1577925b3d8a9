"""Timings: ratios to torch within one run, because machines are shared and noisy. No test asserts any of it."""

from __future__ import annotations

from typing import Annotated

import judging
import layers
import problems
import typer
from rich.console import Console


def main(
    repeats: Annotated[int, typer.Option(min=1, help="runs of each; the least time counts")] = 7,
    all_problems: Annotated[
        bool,
        typer.Option("--problems", help="all 491 convolutions of real networks at full size (15 GB, half an hour)"),
    ] = False,
) -> None:
    """scratchnet beside torch: layers, an update of LeNet-5, and what judging costs."""
    console = Console(highlight=False)
    if all_problems:
        raise SystemExit(problems.run(console))
    layers.run(console, repeats)
    judging.run(console)


if __name__ == "__main__":
    typer.run(main)
