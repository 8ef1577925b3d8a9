"""An explained element on the terminal: its formula, its terms as a table, and the three numbers that must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from oracle.explaining import Explained
from oracle.formats import FORMATS
from scratchnet.explain import Sum, Term

LETTERS = {
    "I": "input I", "W": "weights W", "B": "bias B", "O": "output O", "dO": "upstream gradient dO = dL/dO",
    "dI": "dI = dx", "dW": "dW = dweight", "dB": "dB = dbias",
}  # fmt: skip
WORDS = {"F": "filter size ", "Ps": "pooling size ", "S": "stride ", "P": "padding ", "D": "dilation ", "G": "groups "}
HEAD, TAIL = 20, 8  # terms that are shown of a long sum, from its beginning and its end


def show(entries: Sequence[Explained], console: Console) -> None:
    """Print the case and each of its explained elements."""
    if entries:
        console.print(Text(str(entries[0].case), "bold"), soft_wrap=True)
        spec = entries[0].case.tensors.parameters
        absent = {letter for name, letter in (("weight", "W"), ("bias", "B")) if name not in spec}
        letters = [words for letter, words in LETTERS.items() if letter.removeprefix("d") not in absent]
        for row in wrap(f"letters: {', '.join(letters)}", console.width - 1):
            console.print(Text(row, "dim"))
    else:
        console.print("This case has no elements: its tensors are empty.")
    for entry in entries:
        console.print()
        console.print(Rule(Text(str(entry), "bold"), align="left", style="dim"))
        _formula(entry.sum, console)
        console.print()
        for line in _table(entry.sum):
            console.print(line, soft_wrap=True)
        console.print()
        _totals(entry, console)


def number(value: float) -> str:
    """Whole numbers in full, others to six digits."""
    return str(int(value)) if np.isfinite(value) and value == int(value) and abs(value) < 1e17 else f"{value:.6g}"


def _formula(entry: Sum, console: Console) -> None:
    for text in (entry.rule, entry.here):
        if len(text) > console.width - 2:
            text = text.replace(" of ", " of\n        ", 1)
        console.print(Text("  " + text), soft_wrap=True)
    if entry.where:
        where = ", ".join(f"{WORDS.get(letter, '')}{letter} = {value}" for letter, value in entry.where.items())
        console.print(Text(f"  with {where}", "dim"), soft_wrap=True)


def _table(entry: Sum) -> list[Text]:
    """One line for each term: the sum's letters, the product, the numbers, its value, the sum so far."""
    cut = len(entry.terms) > HEAD + TAIL + 1
    terms = entry.terms
    shown = [*terms[:HEAD], *terms[-TAIL:]] if cut else terms
    running, sums = 0.0, []
    for term in terms:
        running += term.value
        sums.append(running)
    sums = [*sums[:HEAD], *sums[-TAIL:]] if cut else sums

    wide = max([2, *(len(_letter(part)) for term in shown for part in term.index)])
    many = any(len(term.factors) > 1 or term.divisor != 1 for term in shown if not term.why_absent)
    products = max([4, *(len(_product(term)) for term in shown)])
    numbers = max([7, *(len(_numbers(term)) for term in shown if not term.why_absent)]) if many else 0
    values = max([5, *(len(number(term.value)) for term in shown)])
    totals = max([len(_so_far(entry)), *(len(number(total)) for total in sums)])

    def line(letters: Sequence[str], product: str, figures: str, value: str, total: str) -> str:
        cells = [f"{product:{products}}", *([f"{figures:{numbers}}"] if many else []), f"{value:>{values}}"]
        return (
            "  "
            + " ".join(f"{letter:>{wide}}" for letter in letters)
            + "   "
            + "   ".join([*cells, f"{total:>{totals}}"])
        )

    blank = [""] * len(entry.letters)
    heading = line(entry.letters, "term", "numbers", "value", _so_far(entry))
    lines = [Text(heading.rstrip(), "bold")]
    for place, (term, total) in enumerate(zip(shown, sums)):
        if cut and place == HEAD:
            lines.append(Text("  " + _left_out(terms[HEAD:-TAIL]), "dim italic"))
        letters = [_letter(part) for part in term.index] or blank
        if term.why_absent:
            start = line(letters, _product(term), "", "", "").rstrip()
            column = 2 + len(letters) * (wide + 1) - 1 + 3
            start = f"{start:{column + products if _product(term) else column}}"
            lines.append(Text(f"{start}{'   ' if _product(term) else ''}{term.why_absent}", "dim"))
        else:
            text = Text(line(letters, _product(term), _numbers(term) if many else "", number(term.value),
                             "the maximum" if entry.picks else number(total)))  # fmt: skip
            text.stylize("cyan", len(text) - totals)
            lines.append(text)
    return lines


def _letter(part: int | None) -> str:
    return "all" if part is None else str(part)


def _so_far(entry: Sum) -> str:
    return "" if entry.picks else "sum so far"


def _product(term: Term) -> str:
    """The factors by name; of an absent term the one that is missing, or the one that was not picked and its value."""
    if not term.why_absent:
        return " * ".join(map(str, term.factors))
    missing = [factor for factor in term.factors if factor.value is None]
    if missing:
        return str(missing[0])
    if len(term.factors) == 1 and term.kind != "between strides":
        return f"{term.factors[0]} = {number(term.factors[0].value or 0.0)}"
    return ""


def _numbers(term: Term) -> str:
    text = " * ".join(number(factor.value) for factor in term.factors if factor.value is not None)
    return text if term.divisor == 1 else f"{text} / {number(term.divisor)}"


def _left_out(terms: Sequence[Term]) -> str:
    absent = sum(bool(term.why_absent) for term in terms)
    value = number(sum(term.value for term in terms))
    return f"... {len(terms)} terms left out ({absent} of them absent), which add {value} ..."


def _totals(entry: Explained, console: Console) -> None:
    terms = entry.sum.terms
    kinds = Counter(term.kind for term in terms)
    parts = [f"{kinds.pop('', 0)} present", *(f"{count} {kind}" for kind, count in kinds.items())]
    console.print(Text(f"  {len(terms)} {'term' if len(terms) == 1 else 'terms'}: {', '.join(parts)}"), soft_wrap=True)

    what = "the maximum" if entry.sum.picks else "sum of the terms"
    what += f" / {number(entry.sum.divisor)}" if entry.sum.divisor != 1 else ""
    spec, exact = entry.case.spec.name, _exactly
    rows = [(what, entry.sum.total), (f"scratchnet.nn.{spec}", entry.scratchnet), (f"torch.nn.{spec}", entry.torch)]
    left, right = max(len(name) for name, _ in rows), max(len(exact(value)) for _, value in rows)
    for name, value in rows:
        agrees = _agreement(value, entry) if value is not entry.torch else ("", "")
        text = Text(f"  {name:{left}}   {exact(value):>{right}}")
        console.print(text.append(f"   {agrees[0]}" if agrees[0] else "", agrees[1]), soft_wrap=True)


def _exactly(value: float) -> str:
    return number(value) if number(value) == str(value).removesuffix(".0") else repr(value)


def _agreement(value: float, entry: Explained) -> tuple[str, str]:
    """How far `value` is from torch's number, in units of the last place, and its style."""
    apart = abs(value - entry.torch)
    if apart == 0 or (np.isnan(value) and np.isnan(entry.torch)):
        return "equal to torch's", "green"
    ulps = apart / np.spacing(FORMATS[entry.case.dtype].holder(abs(entry.torch)))
    text = f"{ulps:.2g} ulp apart: {apart:.2g}, rounding allows {entry.bound:.2g}"
    return (text, "green") if apart <= entry.bound else (f"WRONG, {text}", "bold red")
