"""The tables of docs/training.md, and what the data support, in words."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from setting import LENET, LENET_TANH, MLP_100, NETWORKS, Run

PIXELS = ("in [0, 1]", "standardised")
# The goal: what torch was measured to reach in 15 epochs of this kind (5 seeds, on a split of its own): mean and
# deviation of the test accuracy in %.
TORCH = dict(zip(NETWORKS, ((96.1, 0.6), (97.3, 0.5), (94.9, 0.3), (95.3, 0.4))))
# 97.5 % point of Student's t for n - 1 degrees of freedom.
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def write(results: dict[str, Any], document: Path) -> None:
    """Replaces what stands between `<!-- NAME -->` and `<!-- end -->` in the document by the table of that name."""
    text = document.read_text(encoding="utf-8")
    makers = {
        "speed": speed, "optimum": optimum, "rates": rates, "accuracies": accuracies, "starts": starts,
        "well": well, "lockstep": lockstep,
    }  # fmt: skip
    sources = {"optimum": "speed", "rates": "speed"}
    for name, make in makers.items():
        source = sources.get(name, name)
        if source in results and (name != "starts" or "accuracies" in results):
            block = make(results if name == "starts" else results[source])
            pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
            text = re.sub(pattern, lambda found: found[1] + block + "\n" + found[2], text, flags=re.DOTALL)  # noqa: B023
    document.write_text(text, encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values: Any, digits: int = 1, scale: float = 1.0) -> str:
    """mean +- standard deviation (n - 1)."""
    values = np.asarray(values, float) * scale
    text = f"{values.mean():.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {values.std(ddof=1):.{digits}f}"


def of(runs: list[Run], **wanted: Any) -> list[Run]:
    return [run for run in runs if all(run.get(key) == value for key, value in wanted.items())]


def paired(first: Any, second: Any) -> tuple[float, float]:
    """Mean of second - first over the seeds, and half the width of its 95 % interval (Student's t)."""
    difference = np.asarray(second) - np.asarray(first)
    n = len(difference)
    if n not in T:
        return float(difference.mean()), math.nan
    return float(difference.mean()), float(T[n] * difference.std(ddof=1) / math.sqrt(n))


def speed(result: dict[str, Any]) -> str:
    rows = []
    for network in (MLP_100, LENET):
        for level in ("90%", "94%"):
            for method in ("gradient descent", "SGD"):
                runs = of(result["runs"], network=network, method=method)
                costs = [run["reached"][level] for run in runs]
                there = [cost for cost in costs if cost is not None]
                cells = ["never" if not there else spread([c[key] for c in there], digits)
                         for key, digits in (("epochs", 1), ("updates", 0), ("seconds", 2))]  # fmt: skip
                name = f"{method}, lr {runs[0]['options']['lr']}"
                rows.append([network, level.replace("%", " %"), name, f"{len(there)} of {len(runs)}", *cells])
    head = ["network", "test accuracy of", "method", "seeds that reach it", "epochs", "updates", "CPU seconds"]
    return table(head, rows)


def optimum(result: dict[str, Any]) -> str:
    rows, words = [], []
    for network in (MLP_100, LENET):
        end: dict[str, dict[str, list[float]]] = {}
        for method in ("gradient descent", "SGD"):
            runs = of(result["runs"], network=network, method=method)
            end[method] = {key: [run[key][-1] for run in runs]
                           for key in ("train_loss", "test_loss", "test_accuracy", "seconds")}  # fmt: skip
            rows.append([
                network, f"{method}, {runs[0]['epochs'][-1]} epochs",
                spread(end[method]["seconds"]), spread(end[method]["train_loss"], 4),
                spread(end[method]["test_loss"], 3), spread(end[method]["test_accuracy"], 1, 100),
            ])  # fmt: skip
        mean, half = paired(*(np.array(end[method]["test_accuracy"]) * 100 for method in end))
        finished = max(end["gradient descent"]["train_loss"]) < 0.01
        words.append(
            f"- {network}: SGD minus gradient descent, same {len(runs)} seeds: {mean:+.2f} ± {half:.2f} points of test "
            f"accuracy (95 % interval). {_verdict(mean, half) if finished else UNFINISHED}"
        )
    head = ["network", "at the end of", "CPU seconds", "training loss", "test loss", "test accuracy in %"]
    return table(head, rows) + "\n\n" + "\n".join(words)


UNFINISHED = (
    "Gradient descent has not come to its end (training loss above 0.01): what is compared here is what the budget "
    "buys, and nothing is said about the better optimum."
)


def _verdict(mean: float, half: float) -> str:
    if math.isnan(half) or abs(mean) <= half:
        return "The interval holds 0: no difference is shown."
    return f"The interval does not hold 0: {'SGD' if mean > 0 else 'gradient descent'} ends higher."


def rates(result: dict[str, Any]) -> str:
    rows = []
    for network in (MLP_100, LENET):
        for method in ("gradient descent", "SGD"):
            trials = of(result["trials"], network=network, method=method)
            losses = [(t["lr"], "diverged" if t["train_loss"] is None else f"{t['train_loss']:.3g}") for t in trials]
            rows.append([network, method, str(trials[0]["epochs"]), ", ".join(f"{lr}: {loss}" for lr, loss in losses)])
    return table(["network", "method", "epochs tried", "rate: training loss at the end"], rows)


def accuracies(result: dict[str, Any]) -> str:
    rows = []
    for network, (goal, deviation) in TORCH.items():
        for standardised in (False, True):
            mine = [of(result[kind], network=network, standardised=standardised) for kind in ("runs", "torch")]
            own, torch_s = (np.array([run["test_accuracy"][-1] for run in runs]) * 100 for runs in mine)
            difference, half = paired(torch_s, own)
            rows.append([
                network, PIXELS[standardised], spread(own), spread(torch_s),
                f"{difference:+.1f} ± {half:.1f}", f"{goal} ± {deviation}", f"{own.mean() - goal:+.1f}",
                *(spread([run["seconds"][-1] for run in runs]) for runs in mine),
            ])  # fmt: skip
    head = ["network", "pixels", "scratchnet", "torch, same seeds", "difference, 95 % interval", "goal", "difference",
            "CPU seconds", "in torch"]  # fmt: skip
    return table(head, rows)


def starts(results: dict[str, Any]) -> str:
    runs = results["starts"]["runs"] + results["accuracies"]["runs"]
    rows = []
    for network in (LENET, LENET_TANH, MLP_100):
        for standardised in (False, True):
            for deviation in (0.01, 0.05, None):
                mine = of(runs, network=network, start=deviation, standardised=standardised)
                name = "torch's default" if deviation is None else f"N(0, {deviation})"
                at = [spread([run["test_accuracy"][epoch] for run in mine], 1, 100) for epoch in (1, 5, 10, 15)]
                rows.append([network, PIXELS[standardised], name, *at])
    return table(["network", "pixels", "start", "epoch 1", "5", "10", "15"], rows)


def well(result: dict[str, Any]) -> str:
    rows = [
        [str(row["batch_size"]), str(row["updates"]), f"{row['left_shallow']:.1%}", f"{row['left_deep']:.1%}"]
        for row in result["rows"]
    ]
    rows[-1][0] += " (gradient descent)"
    return table(["samples in a batch", "updates", "left the shallow valley", "left the deep valley"], rows)


def lockstep(result: dict[str, Any]) -> str:
    rows = []
    for run in result["runs"]:
        per_epoch = np.array_split(np.abs(run["differences"]), 3)
        rows.append([f"LeNet-5, {run['kind']}", run["dtype"], *(f"{part.max():.1e}" for part in per_epoch)])
    return table(["network", "dtype", "largest difference in epoch 1", "epoch 2", "epoch 3"], rows)
