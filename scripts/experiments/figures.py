"""The figures of docs/training.md, drawn from the measured data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import double_well as toy
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from setting import LENET, LENET_TANH, MLP_100, Run

COLOURS = {"gradient descent": "#d1495b", "SGD": "#00798c"}
NAMES = {"relu": "ReLU and max pooling", "tanh": "tanh and average pooling"}
START_STYLES: dict[float | None, dict[str, Any]] = {
    None: {"color": "#00798c"},
    0.05: {"color": "#edae49", "linestyle": "--"},
    0.01: {"color": "#d1495b"},
}

plt.rcParams.update({
    "figure.dpi": 100, "savefig.dpi": 130, "savefig.bbox": "tight", "font.size": 10, "axes.grid": True,
    "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "axes.titlesize": 11, "lines.linewidth": 1.8,
})  # fmt: skip


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draws what `results` has the data for; returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []

    def save(name: str, figure: Any) -> None:
        path = folder / f"{name}.png"
        figure.savefig(path, metadata={"Software": None})
        plt.close(figure)
        written.append(path)

    if "speed" in results:
        save("gd_vs_sgd_mlp", speed(results["speed"]["runs"], MLP_100))
        save("gd_vs_sgd_lenet", speed(results["speed"]["runs"], LENET))
    if "starts" in results and "accuracies" in results:
        save("starts", starts(results["starts"]["runs"] + results["accuracies"]["runs"]))
    if "well" in results:
        save("double_well", double_well(results["well"]))
    if "lockstep" in results:
        save("lockstep", lockstep(results["lockstep"]))
    return written


def band(axes: Axes, runs: list[Run], x: Callable[[Run], Any], y: str, scale: float, **style: Any) -> None:
    """The median of `runs` as a line, and the range from the lowest to the highest as a band."""
    values = np.array([run[y] for run in runs]) * scale
    position = np.mean([x(run) for run in runs], axis=0)
    axes.plot(position, np.median(values, axis=0), **style)
    axes.fill_between(position, values.min(0), values.max(0), color=style["color"], alpha=0.2, linewidth=0)


def speed(runs: list[Run], network: str) -> Any:
    """Training loss and test accuracy, against epochs, updates and CPU seconds."""
    runs = [run for run in runs if run["network"] == network]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharey="row", sharex="col", layout="constrained")
    against = {"epochs": "epochs", "updates": "updates", "seconds": "CPU seconds of training"}
    for column, (key, label) in enumerate(against.items()):
        for method, colour in COLOURS.items():
            mine = [run for run in runs if run["method"] == method]
            rate = mine[0]["options"]["lr"]
            name = f"gradient descent, lr {rate}" if method != "SGD" else f"SGD, batches of 64, lr {rate}"
            for row, (y, scale) in enumerate((("train_loss", 1), ("test_accuracy", 100))):
                band(axes[row, column], mine, lambda run: run[key], y, scale, color=colour, label=name)  # noqa: B023
        last = min(run[key][1] for run in runs)
        axes[1, column].set_xscale("symlog", linthresh=last)
        axes[1, column].set_xlim(left=0)
        axes[1, column].set_xticks(
            [0, *(10.0**k for k in range(-2, 5) if last <= 10.0**k <= max(run[key][-1] for run in runs))]
        )
        axes[1, column].set_xlabel(label)
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("test accuracy in %")
    axes[1, 0].set_ylim(0, 100)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    seeds = len({run["seed"] for run in runs})
    figure.suptitle(f"{network} on MNIST-5k: median and range of {seeds} seeds")
    return figure


def starts(runs: list[Run]) -> Any:
    """Test accuracy against epochs for each start: a column for each network, a row for each kind of pixels."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharey=True, sharex=True, layout="constrained")
    for row, pixels in zip(axes, ("pixels in [0, 1]", "standardised pixels")):
        row[0].set_ylabel(f"test accuracy in %\n{pixels}")
        for panel, network in zip(row, (LENET, LENET_TANH, MLP_100)):
            for deviation, style in START_STYLES.items():
                mine = [
                    run for run in runs
                    if run["network"] == network and run.get("start") == deviation
                    and run["standardised"] == (pixels == "standardised pixels")
                ]  # fmt: skip
                name = "torch's default" if deviation is None else f"N(0, {deviation})"
                band(panel, mine, lambda run: run["epochs"], "test_accuracy", 100, label=name, **style)
            panel.set(ylim=(0, 100), xticks=range(0, 16, 5))
    for panel, network in zip(axes[0], (LENET, LENET_TANH, MLP_100)):
        panel.set_title(network)
    for panel in axes[1]:
        panel.set_xlabel("epochs")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, title="all weights and biases begin as")
    return figure


def double_well(result: dict[str, Any]) -> Any:
    """One path of each kind over the landscape, and who ends in the other valley."""
    figure, (map_, shares) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    a, b = np.meshgrid(np.linspace(-1.8, 1.8, 200), np.linspace(-1.6, 1.6, 200))
    map_.contourf(a, b, toy.f(a, b), levels=np.linspace(-0.1, 1.5, 17), cmap="Greys_r", alpha=0.6, extend="max")
    start = (0.55, 1.1)
    paths = toy.descend(start, 4, 200, np.random.default_rng(1))[:400, :, 0:2]
    crossing = next(k for k in range(paths.shape[1]) if paths[-1, k, 0] < 0)
    map_.plot(*paths[:, crossing].T, color=COLOURS["SGD"], linewidth=0.7, marker=".", markersize=2.5,
              label="SGD, batches of 4: a run that crosses")  # fmt: skip
    still = toy.descend(start, toy.SAMPLES, 1, np.random.default_rng(1))[:, 0].T
    map_.plot(*still, color=COLOURS["gradient descent"], marker=".", markersize=5, label="gradient descent")
    map_.plot(*start, "k*", markersize=10, label="start of both")
    map_.set(xlabel="a", ylabel="b", title="toy: deep valley at the left, shallow at the right")
    map_.legend(loc="lower center", frameon=True)
    map_.grid(False)

    rows = result["rows"]
    positions = np.arange(len(rows))
    shares.bar(positions - 0.2, [100 * row["left_shallow"] for row in rows], 0.4, color=COLOURS["SGD"],
               label="from the shallow valley into the deep one")  # fmt: skip
    shares.bar(positions + 0.2, [100 * row["left_deep"] for row in rows], 0.4, color="#edae49",
               label="from the deep valley into the shallow one")  # fmt: skip
    names = [f"{row['batch_size']}" for row in rows[:-1]] + [f"{rows[-1]['batch_size']}\n(gradient descent)"]
    shares.set_xticks(positions, names)
    shares.set(xlabel="samples in a batch", ylabel="runs that changed valley, in %", ylim=(0, 100),
               title=f"toy: {result['epochs']} epochs, {result['runs']} runs each")  # fmt: skip
    for bars in shares.containers:
        shares.bar_label(bars, fmt="%.0f", padding=2)
    shares.legend()
    shares.grid(axis="x", visible=False)
    return figure


def lockstep(result: dict[str, Any]) -> Any:
    """How far scratchnet's loss and torch's lie apart at each update."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    colours = {"float64": "#00798c", "float32": "#d1495b"}
    for run in result["runs"]:
        difference = np.abs(run["differences"])
        difference[difference == 0] = np.nan  # equal losses have no place on a logarithmic axis
        axes.semilogy(np.arange(1, len(difference) + 1), difference, color=colours[run["dtype"]], linestyle="",
                      marker="o" if run["kind"] == "relu" else "x", markersize=3.5, alpha=0.8,
                      label=f"{run['dtype']}, {NAMES[run['kind']]}")  # fmt: skip
    axes.axhline(1e-10, color="grey", linewidth=1, linestyle="--")
    axes.text(len(difference), 1.8e-10, "allowed in float64: 1e-10", color="grey", ha="right")
    axes.set(xlabel="update", ylabel="|loss in scratchnet - loss in torch|", ylim=(1e-17, 1e1),
             title="LeNet-5, same weights, same mini-batches, 3 epochs (equal losses are not drawn)")  # fmt: skip
    axes.legend(ncols=2)
    return figure
