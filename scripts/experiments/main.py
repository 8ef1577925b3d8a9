"""The command line of scripts/gd_vs_sgd: measure, keep the data, draw the figures, fill in the tables."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import double_well
import figures
import lockstep
import numpy as np
import parts
import tables

from scratchnet.data import mnist5k, stratified_split

DOCS = Path(__file__).parents[2] / "docs"
PARTS = ("speed", "accuracies", "starts", "lockstep", "well")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="gd_vs_sgd",
        description="Measures what the course note says about training, on MNIST-5k: writes the data to "
        "docs/training/*.json, the figures to docs/figures and the tables of docs/training.md.",
    )
    parser.add_argument("part", nargs="*", metavar="PART", help=f"what to measure (all of it): {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each kind (3)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="runs at the same time (1)")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what was measured before")
    options = parser.parse_args()
    if unknown := set(options.part) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}: {', '.join(PARTS)} expected")

    data = DOCS / "training"
    data.mkdir(parents=True, exist_ok=True)
    for part in [] if options.draw else options.part or PARTS:
        result = measure(part, options.seeds, options.processes)
        (data / f"{part}.json").write_text(json.dumps(result, allow_nan=False) + "\n", encoding="utf-8")

    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(data.glob("*.json"))}
    for path in figures.draw(results, DOCS / "figures"):
        print(path.relative_to(DOCS.parent))
    tables.write(results, DOCS / "training.md")
    print((DOCS / "training.md").relative_to(DOCS.parent))
    return lockstep_agrees(results)


def measure(part: str, seeds: int, processes: int) -> dict[str, Any]:
    if part == "well":
        return double_well.double_well()
    if part == "lockstep":
        return measure_lockstep()
    return getattr(parts, part)(seeds, processes)


def measure_lockstep(epochs: int = 3) -> dict[str, Any]:
    runs = []
    for dtype in ("float64", "float32"):
        (x, y), _ = stratified_split(*mnist5k(dtype), test_size=1000, rng=np.random.default_rng(0))
        for kind in ("relu", "tanh"):
            print(f"lockstep: {kind}, {dtype}", file=sys.stderr)
            own, torch_s = lockstep.lockstep(x, y, kind, updates=epochs * -(-len(x) // 64))
            runs.append({"kind": kind, "dtype": dtype, "differences": [float(f"{d:.3g}") for d in own - torch_s]})
    return {"runs": runs}


def lockstep_agrees(results: dict[str, Any]) -> int:
    """Exit code 1 where scratchnet and torch part in float64: that is a bug, not a measurement."""
    runs = results.get("lockstep", {"runs": []})["runs"]
    worst = max((abs(d) for run in runs if run["dtype"] == "float64" for d in run["differences"]), default=0.0)
    if worst > 1e-10:
        print(f"lockstep: scratchnet and torch differ by {worst:.1e} in float64, 1e-10 allowed", file=sys.stderr)
    return int(worst > 1e-10)


if __name__ == "__main__":
    sys.exit(main())
