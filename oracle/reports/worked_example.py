"""The course note's own example, drawn: C=1, K=1, S=1, P=0, a 2x2 kernel on a 3x3 input, forward and backward.

Everything drawn comes from the terms of `scratchnet.explain`; the numbers are checked against torch while it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from oracle.reference import run_twin
from oracle.reports.explanation import number
from oracle.subjects import Call
from scratchnet.explain import Explanation, Factor, Sum, Term, explain
from scratchnet.nn import Conv2d

I = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
k = np.array([[1.0, 2], [3, 4]])
dO = np.array([[2.0, -1], [3, 1]])

Cells = list[list[str]]
SETTINGS: dict[str, Any] = {"in_channels": 1, "out_channels": 1, "kernel_size": 2, "bias": False}
NEXT = "Conv2d(in_channels=1,out_channels=1,kernel_size=3,stride=2,padding=1)[x=1x1x5x5]@float64,integer#0"


def example() -> Explanation:
    """The example's layer, explained."""
    layer = Conv2d(**SETTINGS).double()
    layer.load_state_dict({"weight": k[None, None]})
    return explain(layer, I[None, None], dO[None, None])


def by_torch() -> dict[str, np.ndarray]:
    """out, dx and dweight of the example as torch has them, each as its one plane."""
    call = Call("Conv2d", SETTINGS, {"x": I[None, None]}, {"weight": k[None, None]}, {}, {"dout": dO[None, None]})
    return {name: array[0, 0] for name, array in run_twin(call).items()}


def show(console: Console) -> None:
    """Print the example."""
    explanation, torch = example(), by_torch()

    def say(text: str = "") -> None:
        for line in wrap(text, min(console.width, 100) - 4) or [""]:
            console.print(Text(line and "  " + line))

    def part(title: str) -> None:
        console.print()
        console.print(Rule(Text(title, "bold"), align="left", style="dim"))

    console.print(Text("The course note's example: C=1, K=1, S=1, P=0, a 2x2 kernel k on a 3x3 input I", "bold"))
    say()
    grids = [("input I", "i", I), ("kernel k", "k", k), ("output O", "O", torch["out"]), ("given: dL/dO", "dO", dO)]
    _side_by_side(console, [_titled(title, _names(letter, array)) for title, letter, array in grids])
    _side_by_side(console, [_titled("", _numbers(array), _width(letter)) for _, letter, array in grids])

    part("1  Forward: lay the kernel on the input, multiply what meets, add")
    for y, x in np.ndindex(2, 2):
        console.print(Text("  ").append(_in_one_line("O", explanation.element("out", (0, 0, y, x)), y, x)))

    part("2  dL/dk is the convolution of the input with dL/dO")
    say(
        "k00 multiplied i00 in O00, i10 in O10, i01 in O01 and i11 in O11. Each of these products gives k00 its input "
        "element times the gradient of its output. So dL/dO slides over the input as the kernel did:"
    )
    sums = {(r, s): explanation.element("dweight", (0, 0, r, s)) for r, s in np.ndindex(2, 2)}
    for r in range(2):
        say()
        _side_by_side(console, [_picture("dk", sums[r, s], r, s, _names("i", I), _place_in_input) for s in range(2)])

    part("3  dL/dI is the full convolution of dL/dO with the kernel rotated by 180 degrees")
    say(
        "i11 was multiplied by k11 in O00, by k10 in O01, by k01 in O10 and by k00 in O11: one step on in the output "
        "is one step back in the kernel. So the kernel that slides over dL/dO is rotated by 180 degrees. An input "
        "element at the border is in fewer outputs: for those that are missing, dL/dO is surrounded by zeros, as "
        "many on each side as the kernel size less 1."
    )
    say()
    padded, rotated = np.pad(dO, 1), k[::-1, ::-1]
    names = _padded(_names("dO", dO))
    turned = [row[::-1] for row in _names("k", k)[::-1]]
    _side_by_side(
        console,
        [
            _titled("dL/dO with zeros around", names),
            _titled("", _numbers(padded)),
            _titled("k rotated", turned),
            _titled("", _numbers(rotated)),
        ],
    )
    for i in range(3):
        say()
        pictures = [explanation.element("dx", (0, 0, i, j)) for j in range(3)]
        _side_by_side(
            console, [_picture("dI", entry, i, j, names, _place_in_padded) for j, entry in enumerate(pictures)]
        )

    part("4  The same from torch.nn.Conv2d")
    ours = {"out": "O", "dweight": "dL/dk", "dx": "dL/dI"}
    _side_by_side(console, [_titled(title, _numbers(torch[name])) for name, title in ours.items()])
    say()
    for name, title in ours.items():
        sums_ = np.array([explanation.element(name, (0, 0, *p)).total for p in np.ndindex(torch[name].shape)])
        equal = np.array_equal(sums_, torch[name].ravel())
        say(f"{title:6} all {torch[name].size} sums above {'are equal to' if equal else 'DIFFER from'} torch's")
    say()
    console.print(Text("  With stride, padding, channels and groups, element by element:", "dim"))
    console.print(Text(f'  oracle explain "{NEXT}"', "dim"), soft_wrap=True)


# ---- the terms as text, in the note's short names: i10 for I[0,0,1,0], k10 for W[0,0,1,0]


def name(factor: Factor) -> str:
    letter = {"I": "i", "W": "k"}.get(factor.tensor, factor.tensor)
    return f"{letter}{factor.index[2]}{factor.index[3]}"


def in_note_order(entry: Sum) -> list[Term]:
    """The terms that are there; the row runs first, as the note writes them."""
    present = [term for term in entry.terms if not term.why_absent]
    return sorted(present, key=lambda term: (term.factors[0].index[3], term.factors[0].index[2]))


def symbols(term: Term) -> str:
    return "*".join(map(name, term.factors))


def figures(term: Term) -> str:
    return "*".join(number(factor.value or 0.0) for factor in term.factors)


def _in_one_line(letter: str, entry: Sum, *place: int) -> Text:
    terms = in_note_order(entry)
    line = f"{letter}{place[0]}{place[1]} = {' + '.join(map(symbols, terms))}"
    return Text(f"{line} = {' + '.join(map(figures, terms))} = {number(entry.total)}")


# ---- drawing: a block is a list of lines of one width


def _names(letter: str, array: np.ndarray) -> Cells:
    return [[f"{letter}{r}{s}" for s in range(array.shape[1])] for r in range(array.shape[0])]


def _numbers(array: np.ndarray) -> Cells:
    return [[number(value) for value in row] for row in array]


def _padded(cells: Cells) -> Cells:
    zeros = ["0"] * (len(cells[0]) + 2)
    return [zeros, *(["0", *row, "0"] for row in cells), zeros]


def _width(letter: str) -> int:
    return len(letter) + 2


def _titled(title: str, cells: Cells, width: int = 0) -> list[Text]:
    width = max(width, *(len(cell) for row in cells for cell in row))
    return [Text(title, "italic"), *(Text("  ".join(f"{cell:>{width}}" for cell in row)) for row in cells)]


def _place_in_input(term: Term) -> tuple[int, int]:
    return term.factors[1].index[2:]  # type: ignore[return-value]


def _place_in_padded(term: Term) -> tuple[int, int]:
    y, x = term.factors[0].index[2:]
    return y + 1, x + 1


def _picture(letter: str, entry: Sum, a: int, b: int, below: Cells, place: Callable) -> list[Text]:
    """The grid below, with the products where the sliding kernel lies on it; the sum in symbols and in numbers."""
    over = {place(term): symbols(term) if not term.why_absent else f"0*{name(term.factors[1])}" for term in entry.terms}
    shape = range(len(below)), range(len(below[0]))
    inner = max(map(len, over.values())) if letter == "dk" else 8
    widths = [inner if letter == "dk" or 0 < column < shape[1][-1] else 5 for column in shape[1]]
    lines = []
    for row in shape[0]:
        line = Text()
        for column in shape[1]:
            covered = (row, column) in over
            cell = over.get((row, column), below[row][column])
            line.append(" " if column else "")
            line.append(f"{cell:^{widths[column]}}", "bold cyan" if covered else "dim")
        lines.append(line)

    terms, start = in_note_order(entry), f"{letter}{a}{b} = "
    indent = " " * (len(start) - 2)
    written = [" + ".join(map(symbols, terms[at : at + 2])) for at in range(0, len(terms), 2)]
    captions = [start + written[0], *(f"{indent}+ {more}" for more in written[1:])]
    calculated, total = f"{indent}= {' + '.join(map(figures, terms))}", f"= {number(entry.total)}"
    captions += [f"{calculated} {total}"] if len(terms) < 4 else [calculated, f"{indent}{total}"]
    return [*lines, *map(Text, captions)]


def _side_by_side(console: Console, blocks: Sequence[list[Text]], gap: int = 4) -> None:
    """As many blocks in a row as the terminal is wide enough for."""
    rows: list[list[list[Text]]] = [[]]
    for block in blocks:
        if rows[-1] and 2 + sum(_wide(each) + gap for each in rows[-1]) + _wide(block) > console.width:
            rows.append([])
        rows[-1].append(block)
    for place, row in enumerate(rows):
        if place:
            console.print()
        for height in range(max(map(len, row))):
            line = Text("  ")
            for block in row:
                cell = block[height].copy() if height < len(block) else Text()
                cell.pad_right(_wide(block) - len(cell) + gap)
                line.append(cell)
            line.rstrip()
            console.print(line, soft_wrap=True)


def _wide(block: list[Text]) -> int:
    return max(map(len, block))
