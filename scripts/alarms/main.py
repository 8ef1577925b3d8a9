"""How often is something right called wrong? Right implementations x cases x seeds, each wrong tensor printed."""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="default: scratchnet, naive, the right examples and submissions")
    parser.add_argument("--cases", default="120", help="cases for each layer and seed, or 'all' (default 120)")
    parser.add_argument("--seeds", type=int, default=20, help="default 20")
    parser.add_argument("--budget", type=float, default=3600.0, help="seconds for a target and seed")
    options = parser.parse_args()
    cases = options.cases if options.cases == "all" else int(options.cases)
    targets = options.targets or ["scratchnet", "naive", *EXAMPLES, *right_submissions()]
    judged = alarms = unjudged = 0
    start = time.monotonic()
    for seed in range(options.seeds):  # outermost, so that a run that is cut short has been everywhere
        for target in targets:
            report = check(target, convention=convention_of(target), cases=cases, seed=seed, budget=options.budget)
            for spec in report["specs"]:
                judged += spec["cases"]
                unjudged += spec["verdict"] == "unjudged"
                if spec["verdict"] in ("wrong", "error", "partial"):
                    alarms += max(spec["failed"], 1)
                    print(f"{target}, seed {seed}: {spec['spec']} ({spec['implements']}): {spec['message']}")
                    print(f"  {spec['smallest_case']}", flush=True)
        print(f"seed {seed}: {alarms} false alarms in {judged} cases so far, {time.monotonic() - start:.0f} s",
              file=sys.stderr, flush=True)  # fmt: skip
    print(f"{alarms} false alarms in {judged} cases of {len(targets)} targets and {options.seeds} seeds; "
          f"{unjudged} layers could not be judged; {time.monotonic() - start:.0f} s")  # fmt: skip
    return 1 if alarms else 0


if __name__ == "__main__":
    raise SystemExit(main())
