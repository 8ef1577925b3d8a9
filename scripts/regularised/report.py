"""The figure and the tables of docs/regularisation.md, from the measured data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from runs import METHODS
from scipy.stats import t as student

COLOURS = dict(zip(METHODS, ("#6c757d", "#00798c", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#2e4057")))
UNITS = {"weight decay": "{:g}", "dropout": "p = {:g}", "augmentation": "shifts of {:g} pixels"}
plt.rcParams.update({
    "figure.dpi": 100, "savefig.dpi": 130, "font.size": 10, "axes.grid": True, "grid.alpha": 0.3,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "axes.titlesize": 11,
})  # fmt: skip


def write(result: dict[str, Any], docs: Path) -> list[Path]:
    """Draws the figure and replaces what stands between <!-- name --> and <!-- end --> in the page."""
    image, page = docs / "figures" / "regularisation.png", docs / "regularisation.md"
    image.parent.mkdir(parents=True, exist_ok=True)
    drawn = figure(result["runs"])
    drawn.savefig(image, metadata={"Software": None})
    plt.close(drawn)
    text = page.read_text(encoding="utf-8")
    for name, made in {"strengths": strengths(result), "ends": ends(result), "said": said(result)}.items():
        block = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = re.sub(block, lambda found, made=made: found[1] + made + found[2], text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return [image, page]


def of(runs: list[Any], method: str, key: str) -> np.ndarray:
    """One number for each seed."""
    return np.array([run[key] for run in runs if run["method"] == method])


def against_none(runs: list[Any], method: str, key: str) -> tuple[float, float]:
    """(mean, half of the 95 % interval) of the difference to "none", seed by seed: Student's t."""
    difference = of(runs, method, key) - of(runs, "none", key)
    n = len(difference)
    return float(difference.mean()), float(student.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n))


def figure(runs: list[Any]) -> Any:
    """A panel for each method with the curves of training without beside it; last, where the runs ended."""
    drawn, axes = plt.subplots(2, 4, figsize=(14, 7), layout="constrained")
    panels = axes.ravel()
    longest = max(run["epochs"] for run in runs)
    for panel, method in zip(panels, METHODS[1:]):
        for which in ("none", method):
            mine = [run for run in runs if run["method"] == which]
            for curve, style in (("test loss", "-"), ("train loss", ":")):
                values = np.full((len(mine), longest + 1), np.nan)
                for row, run in zip(values, mine):  # what has stopped early ends there
                    row[: len(run["curves"][curve])] = run["curves"][curve]
                shown = np.flatnonzero(np.isfinite(values).sum(0) >= (len(mine) + 1) // 2)
                panel.plot(shown, np.nanmedian(values[:, shown], 0), style, color=COLOURS[which], linewidth=1.8)
                if curve == "test loss":
                    low, high = np.nanmin(values[:, shown], 0), np.nanmax(values[:, shown], 0)
                    panel.fill_between(shown, low, high, color=COLOURS[which], alpha=0.15, linewidth=0)
        panel.set(title=method, yscale="log", ylim=(1e-4, 3), xlim=(0, longest))
    for panel in axes[:, 0]:
        panel.set_ylabel("cross-entropy")
    for panel in axes[1]:
        panel.set_xlabel("epochs")
    for panel, key, scale, label in (
        (panels[6], "test_accuracy", 100, "points of test accuracy"),
        (panels[7], "test_loss", 1, "test loss"),
    ):
        for row, method in enumerate(METHODS[1:]):
            difference = scale * (of(runs, method, key) - of(runs, "none", key))
            mean, half = (scale * value for value in against_none(runs, method, key))
            panel.plot(difference, np.full(len(difference), row), "o", color=COLOURS[method], alpha=0.35, markersize=5)
            panel.errorbar(mean, row, xerr=half, fmt="D", color=COLOURS[method], capsize=4, markersize=6)
        panel.axvline(0, color="black", linewidth=1)
        panel.set_yticks(range(len(METHODS) - 1), METHODS[1:])
        panel.invert_yaxis()
        panel.set(xlabel=label, title="minus training without, same seed")
    seeds = len(of(runs, "none", "seed"))
    drawn.suptitle(
        f"LeNet-5 on 500 digits, {seeds} seeds. Loss against epochs, median and range: solid on the test set, dotted "
        "on the training set; grey without regularisation.\nLast: differences at the end, their mean and its 95 % "
        "interval"
    )
    return drawn


def table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


def strengths(result: dict[str, Any]) -> str:
    rows = []
    for method, unit in UNITS.items():
        tried = [trial for trial in result["trials"] if trial["method"] == method]
        cells = [
            ("**{}: {:.3f}**" if trial["strength"] == result["strengths"][method] else "{}: {:.3f}").format(
                unit.format(trial["strength"]), trial["test_loss"]
            )
            for trial in tried
        ]
        rows.append([method, ", ".join(cells)])
    return table(("method", "strength: test loss at the end"), rows)


def ends(result: dict[str, Any]) -> str:
    runs, rows = result["runs"], []

    def spread(method: str, key: str, text: str, scale: float = 1) -> str:
        values = scale * of(runs, method, key)
        return f"{text} ± {text}".format(values.mean(), values.std(ddof=1))

    def difference(method: str, key: str, text: str, scale: float = 1) -> str:
        mean, half = against_none(runs, method, key)
        return "" if method == "none" else f"{text} ± {text.replace('+', '')}".format(scale * mean, scale * half)

    for method in METHODS:
        rows.append([
            method, spread(method, "train_accuracy", "{:.1f}", 100), spread(method, "test_accuracy", "{:.1f}", 100),
            difference(method, "test_accuracy", "{:+.2f}", 100), spread(method, "test_loss", "{:.3f}"),
            difference(method, "test_loss", "{:+.3f}"),
        ])  # fmt: skip
    header = ("method", "training accuracy in %", "test accuracy in %", "minus none", "test loss", "minus none")
    return table(header, rows)


def said(result: dict[str, Any]) -> str:
    """What the intervals say, and what they do not."""
    runs = result["runs"]

    def sign(mean: float, half: float, better: Callable[[float], bool]) -> str:
        return "no difference shown" if abs(mean) <= half else "better" if better(mean) else "WORSE"

    lines = []
    for method in METHODS[1:]:
        accuracy = sign(*against_none(runs, method, "test_accuracy"), lambda m: m > 0)
        loss = sign(*against_none(runs, method, "test_loss"), lambda m: m < 0)
        more = int((of(runs, method, "test_accuracy") > of(runs, "none", "test_accuracy")).sum())
        seeds = len(of(runs, "none", "seed"))
        lines.append(f"- {method}: accuracy {accuracy} ({more} of {seeds} seeds above), loss {loss}.")
    stopped = of(runs, "early stopping", "best_epoch")
    lines.append(
        f"- early stopping kept the weights of epoch {int(np.median(stopped))} in the median ({stopped.min()} to "
        f"{stopped.max()})."
    )
    lines.append(f"- All runs together took {result['cpu_seconds']} CPU seconds on one thread.")
    return "\n".join(lines) + "\n"
