"""How often is something right called wrong? Right implementations x cases x seeds, each wrong tensor printed."""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from oracle.checking import check

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("examples/cs231n_right.py", "examples/class_right.py", "examples.torch_right:MyLinear")


def right_submissions() -> list[str]:
    """Those of which the table says nothing but right."""
    folder = ROOT / "tests" / "submissions"
    table = tomllib.loads((folder / "expected.toml").read_text())
    return [
        str((folder / name).relative_to(ROOT))
        for name, words in table.items()
        if all(str(text).startswith("right") for text in words.values())
    ]


def convention_of(target: str) -> str:
    """Torch code runs in this process, and only where that is said."""
    return "eecs" if "/eecs/" in target else "auto"


@dataclass(frozen=True)
class Count:
    """What came of one target and seed."""

    judged: int
    unjudged: int  # layers
    alarms: int
    lines: tuple[str, ...]


def count(target: str, seed: int, cases: int | str, budget: float) -> Count:
    report = check(target, convention=convention_of(target), cases=cases, seed=seed, budget=budget)
    wrong = [spec for spec in report["specs"] if spec["verdict"] in ("wrong", "error", "partial")]
    return Count(
        sum(spec["cases"] for spec in report["specs"]),
        sum(spec["verdict"] == "unjudged" for spec in report["specs"]),
        sum(max(spec["failed"], 1) for spec in wrong),
        tuple(f"{target}, seed {seed}: {spec['spec']} ({spec['implements']}): {spec['message']}\n"
              f"  {spec['smallest_case']}" for spec in wrong),
    )  # fmt: skip


def seeds_of(text: str) -> range:
    """ "20": the first twenty; "6-19": these."""
    first, _, last = text.rpartition("-")
    try:
        return range(int(first), int(last) + 1) if first else range(int(last))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number, as in 20, nor two, as in 6-19") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="default: scratchnet, naive, the right examples and submissions")
    parser.add_argument("--cases", default="120", help="cases for each layer and seed, or 'all' (default 120)")
    parser.add_argument("--seeds", type=seeds_of, default="20", help="how many, or from which to which (default 20)",
                        metavar="20 or 6-19")  # fmt: skip
    parser.add_argument("--budget", type=float, default=36000.0, help="seconds for a target and seed")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many targets and seeds at once (default 1)")
    options = parser.parse_args()
    cases = options.cases if options.cases == "all" else int(options.cases)
    targets = options.targets or ["scratchnet", "naive", *EXAMPLES, *right_submissions()]
    # seeds are outermost, so that a run that is cut short has been everywhere
    work = [(target, seed, cases, options.budget) for seed in options.seeds for target in targets]
    judged = unjudged = alarms = 0
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for (target, seed, *_), found in zip(work, pool.map(count, *zip(*work))):
            judged, unjudged, alarms = judged + found.judged, unjudged + found.unjudged, alarms + found.alarms
            for line in found.lines:
                print(line, flush=True)
            if target == targets[-1]:
                print(f"seed {seed}: {alarms} false alarms in {judged} cases so far, {time.monotonic() - start:.0f} s",
                      file=sys.stderr, flush=True)  # fmt: skip
    print(f"{alarms} false alarms in {judged} cases of {len(targets)} targets and {len(options.seeds)} seeds; "
          f"{unjudged} layers could not be judged; {time.monotonic() - start:.0f} s")  # fmt: skip
    return 1 if alarms else 0


if __name__ == "__main__":
    raise SystemExit(main())
