"""The experiments that train networks: which runs belong to each. A part gives plain data, for figures and tables."""

from __future__ import annotations

import math
import time
from typing import Any

from setting import LENET, LENET_TANH, MLP_100, NETWORKS, Job, Run, begin, first_at, thinned, train_all

from scratchnet.data import DataLoader

MOMENTUM_SGD = {"lr": 0.05, "momentum": 0.9, "batch_size": 64, "epochs": 15}
LEVELS = (0.90, 0.94)

# The rates tried, on a seed of its own, and the epochs of the trial and of the runs that are reported. Gradient
# descent gets more epochs: it makes one update in each.
RATES: dict[str, dict[str, dict[str, Any]]] = {
    MLP_100: {
        "gradient descent": {"rates": (0.05, 0.1, 0.2, 0.5, 1.0), "trial": 100, "epochs": 1000},
        "SGD": {"rates": (0.02, 0.05, 0.1, 0.2, 0.5), "trial": 10, "epochs": 60},
    },
    LENET: {
        "gradient descent": {"rates": (0.05, 0.1, 0.2, 0.5), "trial": 60, "epochs": 200},
        "SGD": {"rates": (0.02, 0.05, 0.1, 0.2), "trial": 3, "epochs": 30},
    },
}
TRIAL_SEED = 1000
# Where both methods come to an end, the question is which end is better: a difference smaller than that of two splits.
LEAST_SEEDS = {MLP_100: 10}
ACCURACY_SEEDS = 5  # at least: as many as stand behind the goal in tables.py


def speed(seeds: int, processes: int) -> dict[str, Any]:
    """Gradient descent and SGD without momentum, from the same weights, each at the best of the rates tried."""
    trials = []
    for network, methods in RATES.items():
        for method, plan in methods.items():
            for rate in plan["rates"]:
                trials.append(_job(network, method, TRIAL_SEED, lr=rate, epochs=plan["trial"]))
    tried = train_all(trials, "learning rates", processes)

    jobs = []
    for network, methods in RATES.items():
        for method, plan in methods.items():
            mine = [run for run in tried if run["network"] == network and run["method"] == method]
            best = min(mine, key=_last_loss)["options"]["lr"]
            count = max(seeds, LEAST_SEEDS.get(network, 0))
            jobs += [_job(network, method, seed, lr=best, epochs=plan["epochs"]) for seed in range(count)]
    runs = train_all(jobs, "gradient descent and SGD", processes)
    for run in runs:
        run["reached"] = {f"{level:.0%}": _cost(run, first_at(run, level)) for level in LEVELS}
    return {
        "trials": [
            {"network": run["network"], "method": run["method"], "lr": run["options"]["lr"],
             "epochs": run["options"]["epochs"], "train_loss": _last_loss(run) if "train_loss" in run else None}
            for run in tried
        ],
        "runs": [thinned(run) for run in runs],
    }  # fmt: skip


def _job(network: str, method: str, seed: int, **options: Any) -> Job:
    if method == "SGD":
        options["batch_size"] = 64
    return {"network": network, "method": method, "seed": seed, "options": options}


def _last_loss(run: Run) -> float:
    return run["train_loss"][-1] if "train_loss" in run else math.inf  # diverged


def _cost(run: Run, i: int | None) -> dict[str, float] | None:
    return None if i is None else {key: run[key][i] for key in ("epochs", "updates", "seconds")}


def accuracies(seeds: int, processes: int) -> dict[str, Any]:
    """All four networks from their default start, SGD with momentum, on pixels in [0, 1] and on standardised ones; and
    their torch twins from the same start."""
    jobs = [
        {"network": network, "method": "SGD", "seed": seed, "options": MOMENTUM_SGD, "standardised": standardised}
        for network in NETWORKS
        for standardised in (False, True)
        for seed in range(max(seeds, ACCURACY_SEEDS))
    ]
    twins = train_all(jobs, "accuracies in torch", processes, train_twin)
    return {"runs": train_all(jobs, "accuracies", processes), "torch": twins}


def train_twin(job: Job) -> Run:
    """What `train_once` does, in torch: the same split, the same first weights, the same mini-batches."""
    import torch  # only here: it is not needed to draw
    from lockstep import torch_twin, torch_update

    torch.set_num_threads(1)
    (x, y), (test_x, test_y), net, _, batches = begin(job)
    options = job["options"]
    twin = torch_twin(net)
    optimizer = torch.optim.SGD(twin.parameters(), options["lr"], options["momentum"])
    loader = DataLoader((x, y), options["batch_size"], shuffle=True, rng=batches)
    start = time.process_time()
    for _ in range(options["epochs"]):
        for batch_x, batch_y in loader:
            torch_update(twin, optimizer, batch_x, batch_y)
    seconds = time.process_time() - start
    with torch.no_grad():
        right = twin(torch.from_numpy(test_x)).argmax(1).numpy() == test_y
    return {**job, "seconds": [round(seconds, 3)], "test_accuracy": [float(right.mean())]}


def starts(seeds: int, processes: int) -> dict[str, Any]:
    """Very small numbers to begin with; the default start of the same networks is in `accuracies`."""
    jobs = [
        {"network": network, "method": "SGD", "seed": seed, "options": MOMENTUM_SGD, "standardised": standardised,
         "start": deviation}
        for network in (LENET, LENET_TANH, MLP_100)
        for standardised in (False, True)
        for deviation in (0.01, 0.05)
        for seed in range(seeds)
    ]  # fmt: skip
    return {"runs": train_all(jobs, "small starts", processes)}
