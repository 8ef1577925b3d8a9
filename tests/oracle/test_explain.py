"""`oracle explain`: its sums are torch's numbers, its example is the note's, its messages help."""

from __future__ import annotations

import io
from itertools import islice

import numpy as np
import pytest
from rich.console import Console

from oracle.cases import Case, make
from oracle.explaining import explain, explained
from oracle.layers import SPECS
from oracle.reference import reference
from oracle.reports import worked_example
from scratchnet.explain import explain as explain_layer
from scratchnet.explain import explainable

SETTINGS = 40  # of each layer's grid
CASES = [
    make(SPECS[name], setting, "float64", style, seed=3)
    for name in explainable()
    for setting in islice(SPECS[name].grid(), SETTINGS)
    if setting.args.get("padding_mode", "zeros") == "zeros"
    for style in ("integer", "ties")
]
CONV = "Conv2d(in_channels=2,out_channels=2,kernel_size=2,stride=2,padding=1,groups=2)[x=1x2x4x4]@float64,integer#0"
POOL = "MaxPool2d(kernel_size=3,stride=2,padding=1)[x=1x2x5x5]@float64,ties#0"
LINEAR = "Linear(in_features=3,out_features=2)[x=2x3]@float64,integer#0"


def printed(*arguments: str | None, width: int = 100, **console) -> tuple[int, str]:
    out = io.StringIO()
    code = explain(*(*arguments, None, None)[:2], Console(file=out, width=width, **console))
    return code, out.getvalue()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_element_is_the_sum_of_its_terms(case: Case):
    """Equal to torch where integers make every order of operations exact, within the derived bound elsewhere."""
    import scratchnet.nn

    call = case.call()
    expected = reference(case, call)
    layer = getattr(scratchnet.nn, case.spec.name)(**call.settings).double()
    layer.load_state_dict(dict(call.parameters))
    explanation = explain_layer(layer, call.inputs["x"], call.upstream["dout"])
    sums = {name: array for name, array in expected.tensors.items() if name != "indices"}
    assert explanation.shapes == {name: array.shape for name, array in sums.items()}
    for name, array in sums.items():
        step = max(1, array.size // 60)  # every element of small tensors
        for index in islice(np.ndindex(array.shape), 0, None, step):
            total = explanation.element(name, index).total
            assert abs(total - array[index]) <= expected.bounds[name][index], (name, index)


@pytest.mark.parametrize(
    ("case", "absent"),
    [
        (CONV, {"out": "in the padding", "dx": "between strides", "dweight": "in the padding"}),
        (POOL, {"out": "not the first maximum", "dx": "between strides"}),
        (
            "Conv2d(in_channels=1,out_channels=1,kernel_size=2)[x=1x1x3x3]@float64,integer#0",
            {"dx": "outside of the output"},
        ),
    ],
)
def test_without_an_element_one_with_absent_terms_of_each_tensor_is_shown(case, absent):
    shown = {entry.name: entry for entry in explained(case)}
    assert list(shown) == list(explained_shapes(case))
    for name, kind in absent.items():
        kinds = {term.kind for term in shown[name].sum.terms}
        assert {"", kind} <= kinds


def explained_shapes(case: str) -> list[str]:
    return ["out", "dx", "dweight", "dbias"] if case.startswith("Conv") else ["out", "dx"]


@pytest.mark.parametrize("case", [CONV, POOL, LINEAR])
def test_the_three_numbers_agree(case):
    for entry in explained(case):
        assert entry.sum.total == entry.scratchnet == entry.torch


def test_one_element_is_printed_term_by_term():
    code, text = printed(CONV, "out[0,1,0,1]")
    assert code == 0
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "O[0,1,0,1] = B[1] + sum over c,r,s of I[0,c, 0*2+r-1, 1*2+s-1] * W[1,c-1,r,s]" in lines
    assert "0 all all in another group: filter 1 sees channel 1 alone" in lines
    assert "1 0 0 I[0,1,-1,1] in the padding: 0" in lines
    assert "1 1 0 I[0,1,0,1] * W[1,0,1,0] 4 * 5 20 19" in lines
    assert "sum of the terms 9 equal to torch's" in lines
    assert "dx[" not in text


def test_a_tensor_alone_chooses_its_element():
    code, text = printed(CONV, "dx")
    assert code == 0 and "dx[0,1," in text and "out[" not in text


def test_long_sums_are_cut_but_the_total_is_over_all():
    case = "Conv2d(in_channels=8,out_channels=1,kernel_size=3)[x=1x8x5x5]@float64,integer#0"
    code, text = printed(case, "out[0,0,1,1]")
    assert code == 0 and "... 45 terms left out (0 of them absent)" in text and "73 terms: 73 present" in text
    assert text.count("equal to torch's") == 2 and text.count(" * W[0,") == 28


def test_rounding_is_told_in_ulp_and_against_its_bound():
    case = "Conv2d(in_channels=3,out_channels=4,kernel_size=3x2,stride=2,padding=1)[x=2x3x7x5]@float32,random#17"
    code, text = printed(case, "out[0,1,0,0]")
    assert code == 0 and "ulp apart: " in text and "rounding allows" in text and "WRONG" not in text


@pytest.mark.parametrize("case", [None, CONV, POOL, LINEAR])
def test_it_fits_100_columns_and_reads_without_colour(case):
    _, text = printed(case, None, force_terminal=True, no_color=True, color_system=None)
    assert "\x1b" not in text
    assert (
        max(len(line) for line in text.splitlines() if not line.strip().startswith(("oracle explain", "Conv2d(")))
        <= 100
    )


FORMULAS = [
    "O00 = i00*k00 + i10*k10 + i01*k01 + i11*k11",  # as the note writes it
    "dk00 = dO00*i00 + dO10*i10 + dO01*i01 + dO11*i11",
    "dk11 = dO00*i11 + dO10*i21 + dO01*i12 + dO11*i22",
    "dI00 = dO00*k00",
    "dI01 = dO00*k01 + dO01*k00",
    "dI11 = dO00*k11 + dO10*k01 + dO01*k10 + dO11*k00",
    "dI22 = dO11*k11",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_example_has_the_formulas_of_the_note(formula):
    name, sum_ = formula.split(" = ")
    letter, place = name[:-2], (0, 0, int(name[-2]), int(name[-1]))
    entry = worked_example.example().element({"O": "out", "dk": "dweight", "dI": "dx"}[letter], place)
    assert " + ".join(map(worked_example.symbols, worked_example.in_note_order(entry))) == sum_


def test_the_example_is_drawn():
    code, text = printed(None)
    assert code == 0
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    assert "0 dO00 dO01 0 0 2 -1 0 k01 k00 2 1" in squeezed  # the padded dL/dO and the rotated kernel
    assert "0*k11 0*k10 0 0 0 0*k11 0*k10 0 0 0 0*k11 0*k10" in squeezed  # the rotated kernel at its first places
    assert "dI00 = dO00*k00 dI01 = dO00*k01 + dO01*k00 dI02 = dO01*k01" in squeezed
    assert text.count("are equal to torch's") == 3 and "DIFFER" not in text


def test_the_example_is_a_convolution_and_a_full_convolution_with_the_rotated_kernel():
    def slide(over: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return np.einsum("yxrs,rs->yx", np.lib.stride_tricks.sliding_window_view(over, kernel.shape), kernel)

    inputs, kernel, upstream = worked_example.I, worked_example.k, worked_example.dO
    torch = worked_example.by_torch()
    np.testing.assert_array_equal(torch["out"], slide(inputs, kernel))
    np.testing.assert_array_equal(torch["dweight"], slide(inputs, upstream))
    np.testing.assert_array_equal(torch["dx"], slide(np.pad(upstream, 1), np.rot90(kernel, 2)))


def test_on_a_narrow_terminal_the_drawings_stand_below_each_other():
    _, text = printed(None, width=60)
    drawing = [line for line in text.splitlines() if not line.lstrip().startswith(("oracle explain", "O"))]
    assert max(map(len, drawing)) <= 60


@pytest.mark.parametrize(
    ("case", "element", "message"),
    [
        ("Conv2d", None, "case id 'Conv2d' cannot be read; one looks like"),
        (None, "out[0]", "--element out[0] needs the case"),
        (CONV, "out[", "--element 'out[' cannot be read"),
        (CONV, "out[0,1,9,0]", "no element out[0,1,9,0]: out has shape (1, 2, 3, 3), the last element is out[0,1,2,2]"),
        (CONV, "out[0,1]", "no element out[0,1]: out has shape (1, 2, 3, 3)"),
        (
            CONV,
            "running_mean[0]",
            "no tensor 'running_mean' to explain here; there are out (1, 2, 3, 3), dx (1, 2, 4, 4)",
        ),
        (CONV.replace("4x4", "1000x1000"), None, "x has 2,000,000 elements; take a smaller case"),
        (CONV.replace("padding=1", "padding=-1"), None, "-1"),
        (CONV.replace("groups=2", "padding_mode=reflect"), None, "padding_mode=reflect cannot be explained yet"),
        (
            "MaxPool2d(kernel_size=2)[x=0x1x4x4]@float64,integer#0",
            "out",
            "no element out[0,0,0,0]: out has shape (0, 1",
        ),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_is_possible(case, element, message, capsys):
    code, text = printed(case, element)
    error = capsys.readouterr().err
    assert (code, text) == (2, "")
    assert error.startswith("oracle explain: ") and message in error


def test_a_layer_that_cannot_be_explained_lists_those_that_can(monkeypatch, capsys):
    monkeypatch.setattr("oracle.explaining.explainable", lambda: ("Linear", "MaxPool2d"))
    assert printed(CONV)[0] == 2
    assert "Conv2d cannot be explained yet; these can: Linear, MaxPool2d" in capsys.readouterr().err
