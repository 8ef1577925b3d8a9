"""The command line of scripts/lockstep: train side by side, and write the table of docs/lockstep.md."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
from networks import NETWORKS
from rich.console import Console
from rich.progress import track
from steps import images, lockstep

PAGE = Path(__file__).parents[2] / "docs" / "lockstep.md"
ALLOWED = 1e-10  # as scripts/gd_vs_sgd allows LeNet-5: rounding, grown over an epoch


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="lockstep",
        description="Trains networks in scratchnet and in torch with the same weights and mini-batches in float64, and "
        "writes how far their losses part to docs/lockstep.md. Exit code 1 where that is more than "
        f"{ALLOWED:g} in the first epoch.",
    )
    parser.add_argument("--epochs", type=int, default=2, metavar="N", help="of 4,000 images (2)")
    epochs = parser.parse_args().epochs
    x, y = images("float64")
    each, worst, rows = len(x) // 64, 0.0, []
    for network in track(NETWORKS, "networks", console=Console(stderr=True)):
        losses, weights, _ = lockstep(network, x, y, epochs * each)
        parted = np.abs(losses[:, 0] - losses[:, 1]).reshape(epochs, each).max(1)
        worst = max(worst, parted[0])
        ends = losses.reshape(epochs, each, 2)[:, -10:, 0].mean(1)
        cells = [network, *(cell for p, e in zip(parted, ends) for cell in (f"{p:.1e}", f"{e:.3f}")), f"{weights:.1e}"]
        rows.append("| " + " | ".join(cells) + " |")
    names = " | ".join(f"largest difference in epoch {e} | loss at its end" for e in range(1, epochs + 1))
    header = f"| network | {names} | largest difference of a weight |"
    table = "\n".join([header, "| --- |" + " --- |" * (2 * epochs + 1), *rows])
    text = PAGE.read_text(encoding="utf-8")
    text = re.sub(r"(<!-- lockstep -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")
    print(table)
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
