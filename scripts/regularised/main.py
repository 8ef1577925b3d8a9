"""The command line of scripts/regularisation: measure, keep the data, draw the figure, fill in the tables."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import report
from rich.console import Console
from rich.progress import Progress
from runs import METHODS, STRENGTHS, train

from scratchnet.data import mnist5k

DOCS = Path(__file__).parents[2] / "docs"
DATA = DOCS / "training" / "regularisation.json"
TRIALS = (1000,)  # seeds for choosing a strength, never reported


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="regularisation",
        description="Trains LeNet-5 on 500 digits with one kind of regularisation after the other. Writes the data to "
        "docs/training/regularisation.json, the figure to docs/figures and the tables of docs/regularisation.md.",
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="runs of each kind (5), 2 or more")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what was measured before")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds: 2 or more expected, a spread needs them")
    if not options.draw:
        DATA.parent.mkdir(parents=True, exist_ok=True)
        DATA.write_text(json.dumps(measure(options.seeds), allow_nan=False) + "\n", encoding="utf-8")
    result = json.loads(DATA.read_text(encoding="utf-8"))
    for path in report.write(result, DOCS):
        print(path.relative_to(DOCS.parent))
    return 0


def measure(seeds: int) -> dict[str, Any]:
    begin, trials, chosen = time.process_time(), [], {}
    total = sum(len(tried) for tried in STRENGTHS.values()) * len(TRIALS) + len(METHODS) * seeds
    mnist5k()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("strengths", total=total)
        for method, tried in STRENGTHS.items():
            means = []
            for strength in tried:
                ends = []
                for seed in TRIALS:
                    ends.append(train(method, {method: strength}, seed)["test_loss"])
                    bar.advance(task)
                means.append(float(np.mean(ends)))
                trials.append({"method": method, "strength": strength, "test_loss": means[-1]})
            chosen[method] = tried[int(np.argmin(means))]
        runs = []
        for seed in range(seeds):
            for method in METHODS:
                bar.update(task, description=f"seed {seed}, {method}")
                runs.append(train(method, chosen, seed))
                bar.advance(task)
    return {"strengths": chosen, "trials": trials, "runs": runs, "cpu_seconds": round(time.process_time() - begin)}


if __name__ == "__main__":
    sys.exit(main())
