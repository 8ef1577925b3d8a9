"""The progress bar: loss, accuracy and the time that is left, on stderr."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[int, float, float], None]  # epoch, mean loss and mean accuracy of the epoch so far


@contextmanager
def progress_bar(wanted: bool, epochs: int, updates: int, done: int = 0) -> Iterator[Show]:
    """Gives a function to call after each of `updates` updates, of which `done` lie behind."""
    if not wanted:
        yield lambda epoch, loss, accuracy: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"epoch 0/{epochs}", total=updates, completed=done)

        def show(epoch: int, loss: float, accuracy: float) -> None:
            text = f"epoch {epoch}/{epochs}, loss {loss:.4f}"
            text += "" if math.isnan(accuracy) else f", accuracy {100 * accuracy:.1f} %"
            bar.update(task, advance=1, description=text)

        yield show
