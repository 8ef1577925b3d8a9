"""All known mistakes before four judges: gradcheck, finite differences, allclose with a gradient of ones, the oracle.

Each mistake is made in one tensor of an otherwise right layer, one variant after the other. The first three judges see
the layer as they are used: in one typical setting, with normally distributed inputs. Writes docs/judges.md.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from pathlib import Path

from others import JUDGES, typical
from rich.progress import track

from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.mistakes import by_layer
from oracle.mistakes.mutant import Mutant
from oracle.selection import default_cases
from oracle.strength import variants

PAGE = Path(__file__).resolve().parents[2] / "docs" / "judges.md"


def oracle(mutant: Mutant) -> bool:
    """Whether one of the default cases fails."""
    cases, _ = default_cases(SPECS[mutant.spec])
    return any(judge_case(mutant, case).failed for case in cases)


def all_accept_it(layer: str) -> bool:
    """Whether the right layer passes: who rejects that says nothing by rejecting a wrong one."""
    return not any(sees(Mutant(layer, "out", ())) for sees in JUDGES.values())


def main() -> None:
    warnings.simplefilter("ignore")
    judges = {**JUDGES, "oracle": oracle}
    caught: dict[str, Counter[str]] = defaultdict(Counter)
    missed: dict[str, list[str]] = defaultdict(list)
    layers = [name for name in by_layer() if typical(name) is not None and all_accept_it(name)]
    for layer in track(layers, "layers"):
        conventions = {mistake.id for mistake in by_layer()[layer].mistakes if mistake.convention}
        for (mistake, tensor, _), edits in variants(layer).items():
            if mistake in conventions:
                continue
            mutant = Mutant(layer, tensor, edits)
            caught[layer]["variants"] += 1
            for name, sees in judges.items():
                if sees(mutant):
                    caught[layer][name] += 1
                elif name == "oracle":
                    missed[layer].append(f"{mistake} ({tensor})")
    left_out = [name for name in by_layer() if name not in layers]
    PAGE.write_text(page(caught, missed, list(judges), left_out))
    print(f"{PAGE.name} is written")


def page(caught: dict[str, Counter[str]], missed: dict[str, list[str]], judges: list[str], left_out: list[str]) -> str:
    total: Counter[str] = sum(caught.values(), Counter())
    lines = [
        "# Four judges before the known mistakes",
        "",
        "Made by `scripts/judges`. Each mistake of `oracle/mistakes` is put into one tensor of an otherwise right",
        "layer, one variant after the other, and shown to",
        "",
        "- **gradcheck**: `torch.autograd.gradcheck`, which compares a backward with differences of its OWN forward:",
        "  it cannot see a wrong forward, nor a backward that goes with it;",
        "- **differences**: the same by hand, central differences with h = 1e-5 and a relative error below 1e-6;",
        "- **allclose**: `numpy.allclose` with torch, inputs from `randn`, an upstream gradient of ones;",
        "- **oracle**: `oracle check` with its default cases.",
        "",
        "The first three look at one typical setting of the layer, as they are used. Conventions are left out, and so",
        "are layers with state or several outputs, and those whose right form one of the three rejects:",
        f"{', '.join(left_out)}.",
        "",
        "| layer | wrong variants | " + " | ".join(judges) + " |",
        "| --- |" + " ---: |" * (len(judges) + 1),
    ]
    for layer, counts in caught.items():
        lines.append(f"| {layer} | {counts['variants']} | " + " | ".join(str(counts[name]) for name in judges) + " |")
    shares = " | ".join(f"{total[name]} ({100 * total[name] / max(total['variants'], 1):.0f} %)" for name in judges)
    lines += [f"| all | {total['variants']} | {shares} |", ""]
    if any(missed.values()):
        lines += ["What the oracle's default cases do not see:", ""]
        lines += [f"- {layer}: {', '.join(names)}" for layer, names in missed.items() if names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
