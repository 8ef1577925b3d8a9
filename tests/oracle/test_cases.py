"""A case's text is its identity: it reads back as the case, gives the same values everywhere, and anything else that is
typed is refused in words."""

import time
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oracle.bounds import SumsOfProducts, _absolute
from oracle.cases import LARGEST, Case, CaseError, make, parse, read, write
from oracle.formats import DTYPES, HALVES
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.reference import run_twin
from oracle.selection import all_cases, default_cases, grid

SPEC_NAMES = st.sampled_from(list(SPECS))
quick = settings(max_examples=300, deadline=None)


# ---- text


@pytest.mark.parametrize("spec", SPECS)
def test_every_case_of_the_grid_reads_back_as_itself_and_comes_once(spec):
    ids = set()
    for case in list(all_cases(SPECS[spec]))[::7]:
        assert parse(case.id) == case, case.id
        assert case.id not in ids
        ids.add(case.id)


@pytest.mark.parametrize("spec", SPECS)
def test_the_default_cases_are_different_from_each_other(spec):
    cases, skipped = default_cases(SPECS[spec])
    assert len({case.id for case in cases}) == len(cases) > 0
    assert skipped == 0


SIZES = st.integers(1, 9)
VALUES = st.one_of(
    st.integers(-(10**17), 10**17), st.floats(allow_nan=False), st.booleans(), st.none(),
    st.sampled_from(["same", "valid", "constant", "max", "x", "box", "xx", "tanh"]),
    st.lists(st.one_of(st.integers(-99, 99), st.none(), st.booleans(), st.floats(0, 1)), min_size=1).map(tuple),
)  # fmt: skip


@quick
@given(VALUES)
@example((3,))
@example((None, 3))
@example((True, False))
@example(1e-05)
@example(float("inf"))
def test_every_value_of_an_argument_reads_back_as_itself(value):
    assert read(write(value)) == value
    assert type(read(write(value))) is type(value)


@quick
@given(c=SIZES, k=SIZES, s=SIZES, p=st.integers(0, 9), h=SIZES, w=SIZES, n=SIZES, bias=st.booleans(),
       tall=st.booleans(), seed=st.integers(0, 10**17))  # fmt: skip
def test_generated_settings_read_back_as_themselves(c, k, s, p, h, w, n, bias, tall, seed):
    args = {"in_channels": c, "out_channels": k, "kernel_size": (k, 1) if tall else k, "stride": s, "padding": p}
    args |= {"bias": bias}
    case = make(SPECS["Conv2d"], Setting(args, {"x": (n, c, h, w)}), "float32", "integer", seed)
    try:
        case.tensors  # noqa: B018
    except ValueError:
        with pytest.raises(CaseError):
            parse(case.id)
    else:
        assert parse(case.id) == case


def test_what_is_written_out_at_its_default_is_the_same_case():
    written = "Conv2d(in_channels=1,out_channels=1,kernel_size=2,stride=1,bias=true)[x=1x1x3x3]@float64,random#0"
    assert str(parse(written)) == "Conv2d(in_channels=1,out_channels=1,kernel_size=2)[x=1x1x3x3]@float64,random#0"


REFUSED = {  # "@float64,random#0" follows where a shape is the end
    "unknown-layer": ("Conv4d(in_channels=1)[x=1x1]", "no layer is called 'Conv4d'; did you mean"),
    "unknown-argument": ("Linear(in_features=1,out_features=1,colour=3)[x=1x1]", "'colour=3' is not understood"),
    "no-value": ("Linear(in_features=1,out_features)[x=1x1]", "'out_features' is not understood"),
    "empty-value": ("Linear(in_features=,out_features=1)[x=1x1]", "'' is no value"),
    "strange-value": ("Linear(in_features=!,out_features=1)[x=1x1]", "'!' is no value"),
    "given-twice": ("Linear(in_features=1,in_features=1,out_features=1)[x=1x1]", "in_features is given twice"),
    "shape-given-twice": ("ReLU()[x=1,x=2]", "x is given twice"),
    "missing-argument": ("Linear(in_features=1)[x=1x1]", "out_features missing"),
    "missing-shape": ("MSELoss()[x=3]", "the shape of target is missing"),
    "wrong-number": ("Linear(in_features=4,out_features=1)[x=1x3]", "its last size must be in_features=4"),
    "wrong-axes": ("Conv2d(in_channels=1,out_channels=1,kernel_size=1)[x=1x1x3]", "x has 3 axes, 4 expected"),
    "output-size-0": ("Conv2d(in_channels=1,out_channels=1,kernel_size=4)[x=1x1x3x3]", "output size would be 0x0"),
    "word-for-a-number": ("Conv2d(in_channels=a,out_channels=1,kernel_size=1)[x=1x1x3x3]", ""),
    "float-for-a-size": ("Conv2d(in_channels=1.0,out_channels=1,kernel_size=1)[x=1x1x3x3]", "whole numbers"),
    "float-for-a-stride": (
        "Conv2d(in_channels=1,out_channels=1,kernel_size=1,stride=1.0)[x=1x1x3x3]",
        "an integer or 2 of them",
    ),
    "bool-for-a-number": ("Linear(in_features=true,out_features=1)[x=1x1]", "in_features=true, a number"),
    "number-for-a-bool": ("Linear(in_features=1,out_features=1,bias=1)[x=1x1]", "bias=1, true or false"),
    "bad-dtype": (
        "Linear(in_features=1,out_features=1)[x=1x1]@float8,random#0",
        "dtype 'float8', one of float64, float32, float16, bfloat16",
    ),
    "no-style": ("Linear(in_features=1,out_features=1)[x=1x1]@float64#0", "style '', one of"),
    "bad-style": ("Linear(in_features=1,out_features=1)[x=1x1]@float64,odd#0", "style 'odd', one of random, integer"),
    "style-of-another-layer": ("MSELoss()[x=3,target=3]@float64,wide#0", "style 'wide', one of"),
    "bad-flag": ("ReLU()[x=1]@float64,random,train#0", "flag 'train', one of eval"),
    "bad-shape": ("ReLU()[x=2y]", "shape x='2y', sizes such as"),
    "negative-size": ("ReLU()[x=-2]", "shape x='-2'"),
    "no-seed": ("ReLU()[x=1]@float64,random", "cannot be read; one looks like"),
    "endless-seed": ("ReLU()[x=1]@float64,random#" + "1" * 30, "cannot be read"),
    "too-large": ("ReLU()[x=99999x99999]", f"at most {LARGEST} numbers expected"),
    "too-large-weight": ("Linear(in_features=1,out_features=999999999)[x=1x1]", "at most"),
    "too-large-a-window": (
        "MaxPool2d(kernel_size=999999999,padding=499999999)[x=1x1x999999999x1]",
        "at most",
    ),
    "too-large-beside-0": ("ReLU()[x=0x99999999x99999999x99999999]", "at most"),
    "bad-reduction": ("MSELoss(reduction=middle)[x=3,target=3]", "one of mean, sum, none expected"),
    "nothing": ("", "cannot be read"),
    "endless": ("ReLU" * 10**6, "cannot be read"),
    "other-digits": ("ReLU()[x=٣]", "shape x='٣'"),
}


@pytest.mark.parametrize("text, words", REFUSED.values(), ids=REFUSED)
def test_what_is_no_case_is_refused_in_words(text, words):
    started = time.perf_counter()
    with pytest.raises(CaseError) as error:
        parse(text + "@float64,random#0" if text.endswith("]") else text)
    assert words in str(error.value)
    assert len(str(error.value)) < 1000
    assert time.perf_counter() - started < 1


def reads(text: str) -> Case | None:
    """The case, None where it is refused in words; anything else that happens is a bug."""
    started = time.perf_counter()
    try:
        case = parse(text)
    except CaseError as error:
        assert str(error)
        case = None
    assert time.perf_counter() - started < 1, text
    return case


PIECES = st.lists(
    st.sampled_from([*SPECS, *"()[]@#,=x1", "x=", "2x3", "-1", "9" * 9, "1e9", "true", "float64", "random", "eval"]),
    max_size=14,
).map("".join)  # fmt: skip


@quick
@given(st.one_of(st.text(), PIECES))
def test_any_text_is_a_case_or_is_refused(text):
    reads(text)


ODD = st.one_of(
    VALUES, st.sampled_from([0, -1, 1, 2, 10**9, 10**17, (0,), (2, 2), (1,) * 9, "none", float("inf"), 0.5, True, None])
)


@st.composite
def nearly_cases(draw):
    """A case of a grid with some of its values replaced."""
    spec = SPECS[draw(SPEC_NAMES)]
    setting = draw(st.sampled_from(grid(spec)[:60]))
    names = st.sampled_from([*spec.required, *spec.defaults, "dim"])
    args = dict(setting.args) | draw(st.dictionaries(names, ODD, max_size=2))
    shapes = dict(setting.shapes)
    if draw(st.booleans()):
        sizes = st.lists(st.sampled_from([0, 1, 2, 3, 5, 10**8]), max_size=5)
        shapes |= {draw(st.sampled_from(spec.inputs)): tuple(draw(sizes))}
    style = draw(st.sampled_from(["random", "integer", "wide", "empty", "strided"]))
    flag = draw(st.sampled_from(["", ",eval"]))
    written = ",".join(f"{name}={write(value)}" for name, value in args.items())
    sizes = ",".join(f"{name}={'x'.join(map(str, shape)) or 'scalar'}" for name, shape in shapes.items())
    return f"{spec.name}({written})[{sizes}]@float32,{style}{flag}#3"


@settings(max_examples=600, deadline=None)
@given(nearly_cases())
def test_any_setting_is_a_case_with_values_or_is_refused(text):
    case = reads(text)
    if case is None:
        return
    assert parse(case.id) == case
    if sum(np.prod(shape, dtype=float) for shape in case.tensors.parameters.values()) < 10**5:
        arrays = case.call().arrays()
        assert all(isinstance(array, np.ndarray) for array in arrays.values())


# ---- values

VALUES_OF = {
    "Linear(in_features=3,out_features=2)[x=4x3]@float64,random#0": "7a0a4ce1ba5cca29",
    "Conv2d(in_channels=3,out_channels=4,kernel_size=3x2,stride=2)[x=2x3x7x5]@float32,random#17": "0e9d42274a097853",
    "Conv2d(in_channels=3,out_channels=4,kernel_size=3x2,stride=2)[x=2x3x7x5]@float64,integer#17": "beee9dfb54d8bc75",
    "Conv1d(in_channels=1,out_channels=2,kernel_size=3)[x=2x1x9]@float64,wide#0": "bde59ccb91b7003d",
    "Linear(in_features=5,out_features=2)[x=3x5]@float32,strided#1": "e6735fcc8338c193",
    "CrossEntropyLoss(label_smoothing=0.1)[x=4x7,target=4]@float64,offset#2": "28130542b8f9cdc8",
    "MaxPool2d(kernel_size=2)[x=2x3x6x4]@float32,ties#0": "887c5e98a333d998",
    "MSELoss(reduction=none)[x=2x3,target=2x3]@float64,random#0": "cc3321bcb9b05153",
}


@pytest.mark.parametrize("id, digest", VALUES_OF.items(), ids=list(VALUES_OF))
def test_the_values_are_the_same_on_every_machine(id, digest):
    call = parse(id).call()
    text = b"".join(name.encode() + array.dtype.str.encode() + array.tobytes() for name, array in call.arrays().items())
    assert sha256(text).hexdigest()[:16] == digest


def test_one_bit_of_the_id_changes_the_values():
    one, other = (parse(f"ReLU()[x=50]@float64,random#{seed}").call().inputs["x"] for seed in (0, 1))
    assert not np.any(one == other)


SAMPLE = [case for spec in SPECS.values() for case in default_cases(spec, count=60)[0]]
EXACT = [case for spec in SPECS.values() for case in list(all_cases(spec))[::41] if case.exact]
SUMS = [case for case in EXACT if isinstance(case.spec.bound, SumsOfProducts)]


@pytest.mark.parametrize("case", SUMS, ids=str)
def test_no_partial_sum_of_an_exact_case_needs_more_bits_than_there_are(case):
    """Sums of absolute whole numbers: any part of the sum, in any order, is at most this large."""
    call = case.call()
    absolute = run_twin(_absolute(call, case.spec.bound.keep))
    assert max(np.abs(array).max(initial=0) for array in absolute.values()) <= 2**case.bits
    floats = [array for array in call.arrays().values() if array.dtype.kind == "f"]
    assert all(np.array_equal(array, np.rint(array)) for array in floats)
    assert {array.dtype for array in floats} == {np.dtype(case.dtype)}


LONG = {
    "in_features": "Linear(in_features=2000000,out_features=1)[x=1x2000000]",
    "rows": "Linear(in_features=1,out_features=1)[x=4000000x1]",
    "taps": "Conv1d(in_channels=1,out_channels=1,kernel_size=1000000)[x=1x1x1000001]",
    "window": "AvgPool1d(kernel_size=1048576)[x=1x1x1048576]",
}


@pytest.mark.parametrize("style", ["integer", "wide", "strided"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_a_long_sum_narrows_the_range_of_its_whole_numbers(case, dtype, style):
    case = make_with(case, dtype, style)
    call = case.call()
    m = case.spec.bound.terms(case)
    x, w, dout = (
        max((float(np.abs(array).max()) for array in arrays.values()), default=1.0)
        for arrays in (call.inputs, call.parameters, call.upstream)
    )
    assert m * max(x * w, x * dout, w * dout) <= 2**case.bits


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_a_sum_that_is_too_long_for_the_dtype_is_not_said_to_be_exact(case, dtype):
    assert not make_with(case, dtype, "integer").exact


def make_with(text, dtype, style):
    case = parse(f"{text}@float64,random#0")
    return case.with_(dtype=dtype, style=style)


@pytest.mark.parametrize("dtype, others", [("float32", np.float16), ("float64", np.float32)])
@pytest.mark.parametrize("seed", range(4))
def test_wide_values_do_not_fit_a_lower_precision(dtype, others, seed):
    call = parse(f"Linear(in_features=6,out_features=3)[x=5x6]@{dtype},wide#{seed}").call()
    with np.errstate(over="ignore"):
        lost = {name for name, array in call.arrays().items() if np.any(array.astype(others).astype(dtype) != array)}
    assert lost in ({"x"}, {"dout"})


def test_wide_is_the_input_in_some_cases_and_the_upstream_gradient_in_others():
    calls = [parse(f"Linear(in_features=6,out_features=3)[x=5x6]@float64,wide#{seed}").call() for seed in range(20)]
    assert {np.abs(call.inputs["x"]).max() > np.abs(call.upstream["dout"]).max() for call in calls} == {True, False}


SCALAR = [case for case in SAMPLE if () in case.tensors.outputs.values()]


def test_the_upstream_gradient_of_a_loss_is_never_1():
    drawn = {float(dout) for case in SCALAR for dout in case.call().upstream.values()}
    assert drawn == {2.0, -4.0, 0.5}


@pytest.mark.parametrize("spec", SPECS)
def test_every_tensor_has_the_shape_and_dtype_that_the_case_says(spec):
    for case in default_cases(SPECS[spec], count=40)[0]:
        call, tensors = case.call(), case.tensors
        shapes = {**case.shapes, **tensors.parameters, **tensors.buffers}
        shapes |= {f"d{name}": shape for name, shape in tensors.outputs.items()}
        arrays = call.arrays()
        assert {name: array.shape for name, array in arrays.items()} == shapes, case.id
        assert all(array.dtype in (case.dtype, np.int64, np.bool_) for array in arrays.values()), case.id


STRIDED = "Linear(in_features=3,out_features=2)[x=4x3]@float64,strided#0"


def test_strided_inputs_are_views_and_the_upstream_gradient_is_expanded():
    call = parse(STRIDED).call()
    assert call.inputs["x"].strides[-1] < 0
    assert call.upstream["dout"].strides[-1] == 0
    assert call.parameters["weight"].flags.f_contiguous
