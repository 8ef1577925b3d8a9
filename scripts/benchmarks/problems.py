"""The 491 convolutions of real networks at full size: every one must equal torch, and the largest ones are timed."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

from oracle.judge import judge_case
from oracle.subjects.scratchnet import Scratchnet

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from test_conv_problems import TABLE, problem


def run(console: Console) -> int:
    """1 where one differs, else 0."""
    wrong = []
    for row in track(list(csv.DictReader(TABLE.open())), "convolutions", console=Console(stderr=True)):
        case = problem(row, full_size=True)
        start = time.perf_counter()
        result = judge_case(Scratchnet(case.spec.name), case)
        if row["gate_input"]:
            console.print(f"{row['name'] or row['source']}: {time.perf_counter() - start:.1f} s, {case.id}")
        if result.failed or result.unjudged:
            wrong.append(case.id)
    for case_id in wrong:
        console.print(f"WRONG: {case_id}")
    console.print(f"{len(wrong)} of 491 wrong")
    return int(bool(wrong))
