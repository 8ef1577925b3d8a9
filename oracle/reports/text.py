"""The story of one layer as plain lines: for an AssertionError, a log, a report without colour."""

from __future__ import annotations

from oracle.reports.model import Json


def told(spec: Json, replay: str) -> str:
    """What is wrong, when, why, and how to see it again."""
    lines = [f"{spec['spec']} ({spec['implements']}): {spec['message']}"]
    for found in spec["diagnoses"]:
        lines += [f"  {found['tensor']}: {found['mistake']}: {found['hint']}", f"    write: {found['fix']}"]
    if spec["smallest_case"]:
        lines += [f"  smallest failing case: {spec['smallest_case']}", f"  replay: {replay}"]
    return "\n".join(lines)
