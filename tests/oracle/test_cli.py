"""The command line as a person and a program meet it: exit codes, stdout, and bad input refused in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

import scratchnet.nn
from oracle.cli import RIGHT, UNJUDGED, USAGE, WRONG, app
from oracle.layers import SPECS
from oracle.reports.model import file_report, unjudged_spec
from oracle.reports.terminal import print_report

ROOT = Path(__file__).resolve().parents[2]

LINEAR = """
import numpy as np

def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dw = x.reshape(len(x), -1).T @ dout
    return (dout @ w.T).reshape(x.shape), dw, dout.sum(0)
"""
FILES = {
    "right.py": LINEAR,
    "wrong.py": LINEAR.replace("dout.sum(0)", "dout.mean(0)"),
    "raises.py": LINEAR.replace("dw = ", "dw = oops + "),
    "template.py": "def affine_forward(x, w, b):\n    pass\n\ndef affine_backward(dout, cache):\n    pass\n",
    "nothing.py": "answer = 42\n",
    "broken.py": "def affine_forward(x, w, b:\n    return x\n",
    "python2.py": 'print "loaded"\n',
    "on_import.py": LINEAR + "\nraise RuntimeError('not on my machine')\n",
    "leaves.py": LINEAR + "\nimport sys\nsys.exit(7)\n",
    "odd [red] name.py": LINEAR.replace("dout.sum(0)", "dout.mean(0)"),
    "binary.py": "\0\0\0",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def oracle(folder, monkeypatch):
    monkeypatch.chdir(folder)
    runner = CliRunner(env={"COLUMNS": "80"})

    def run(*arguments):
        result = runner.invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return run


CASE = "Linear(in_features=2,out_features=2)[x=3x2]@float64,integer#0"

# ---- what the exit code says

EXITS = {
    "right": (["right.py"], RIGHT),
    "wrong": (["wrong.py"], WRONG),
    "raises": (["raises.py"], WRONG),
    "own-layers": (["scratchnet", "--spec", "ReLU", "--spec", "Linear"], RIGHT),
    "loops": (["naive", "--spec", "Linear"], RIGHT),
    "template": (["template.py"], UNJUDGED),
    "template-asked-for": (["template.py", "--spec", "Linear"], WRONG),
    "one-case-right": (["wrong.py", "--case", "Linear(in_features=2,out_features=2)[x=1x2]@float64,integer#0"], RIGHT),
    "one-case-wrong": (["wrong.py", "--case", CASE], WRONG),
    "one-case-not-offered": (["right.py", "--case", CASE.replace("=2)", "=2,bias=false)")], UNJUDGED),
    "no-budget": (["scratchnet", "--spec", "Conv2d", "--budget", "0.1", "--cases", "all"], UNJUDGED),
    "two-right": (["right.py", "scratchnet", "--spec", "Linear"], RIGHT),
    "right-and-wrong": (["right.py", "wrong.py"], WRONG),
    "right-and-unjudged": (["right.py", "template.py"], UNJUDGED),
    "unjudged-and-wrong": (["template.py", "wrong.py"], WRONG),
    "all-cases": (["scratchnet", "--spec", "HalfSquaredError", "--cases", "all"], RIGHT),
    "one-dtype": (["right.py", "--dtype", "float32"], RIGHT),
}


@pytest.mark.parametrize("arguments, code", EXITS.values(), ids=EXITS)
def test_exit_code(oracle, arguments, code):
    cases = [] if {"--case", "--cases"} & set(arguments) else ["--cases", "30"]
    assert oracle("check", *arguments, *cases).exit_code == code


REFUSED = {
    "no-file": (["absent.py"], "absent.py: there is no such file or folder"),
    "no-python": (["broken.py"], "broken.py, line 1 is no Python that can be read"),
    "python-2": (["python2.py"], "it is Python 2 (line 1"),
    "nothing-in-it": (["nothing.py"], "no layer that can be judged was found"),
    "binary": (["binary.py"], "binary.py"),
    "no-module": (["no.such.module"], "no.such.module"),
    "no-target": ([], "Missing argument"),
    "empty-target": ([""], "an empty TARGET"),
    "unknown-layer": (["scratchnet", "--spec", "Conv4d"], "no layer is called 'Conv4d'; did you mean Conv"),
    "unknown-convention": (["right.py", "--convention", "odd"], "convention 'odd' is not known; known are auto"),
    "unknown-option": (["right.py", "--fast"], "No such option: --fast"),
    "unreadable-case": (["right.py", "--case", "Linear"], "case id 'Linear' cannot be read; one looks like"),
    "case-with-a-wrong-number": (["right.py", "--case", CASE.replace("3x2", "3x4")], "last size must be in_features=2"),
    "case-without-output": (
        ["scratchnet", "--case", "Conv2d(in_channels=1,out_channels=1,kernel_size=4)[x=1x1x3x3]@float64,random#0"],
        "the output size would be 0x0: the kernel (with dilation) is larger than the padded input",
    ),
    "case-of-another-layer": (["scratchnet", "--spec", "ReLU", "--case", CASE], "the case is one of Linear"),
    "cases-0": (["right.py", "--cases", "0"], "--cases 0: a number from 1"),
    "cases-negative": (["right.py", "--cases", "-3"], "--cases -3: a number from 1"),
    "cases-word": (["right.py", "--cases", "many"], "--cases many: a number from 1"),
    "cases-superscript": (["right.py", "--cases", "²"], "--cases ²: a number from 1"),
    "cases-endless": (["right.py", "--cases", "9" * 5000], "a number from 1"),
    "bad-dtype": (["right.py", "--dtype", "float8"], "--dtype float8: one of float64, float32, float16, bfloat16"),
    "bad-seed": (["right.py", "--seed", "-1"], "--seed"),
    "endless-seed": (["right.py", "--seed", "9" * 30], "--seed"),
    "bad-budget": (["right.py", "--budget", "0"], "--budget"),
    "json-nowhere": (["right.py", "--json", "absent/report.json"], "cannot be written: there is no folder absent"),
    "json-folder": (["right.py", "--json", "."], "cannot be written: it is a folder"),
    "json-no-file": (["right.py", "--cases", "2", "--json", "/dev/full"], "/dev/full cannot be written"),
}  # fmt: skip


ON_IMPORT = {"on_import.py": "RuntimeError: not on my machine", "leaves.py": "sys.exit(7)"}


@pytest.mark.parametrize("file, words", ON_IMPORT.items())
def test_what_raises_on_import_is_said_and_the_layers_are_judged(oracle, file, words):
    result = oracle("check", file, "--cases", "12")
    assert result.exit_code == RIGHT and words in " ".join(result.stdout.split())


@pytest.mark.parametrize("arguments, words", REFUSED.values(), ids=REFUSED)
def test_bad_usage_is_said_in_words(oracle, arguments, words):
    result = oracle("check", *arguments)
    assert result.exit_code == USAGE
    assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "command", [["explain", "Linear"], ["explain", CASE, "--element", "out[9,9]"], ["nonsense"]], ids=str
)
def test_bad_usage_of_the_other_commands(oracle, command):
    assert oracle(*command).exit_code == USAGE


# ---- JSON

FIELDS = {
    "version", "target", "convention", "isolation", "seconds", "torch", "verdict", "strength", "specs",
}  # fmt: skip
SPEC_FIELDS = {
    "spec", "implements", "verdict", "reason", "cases", "failed", "tensors", "right_when", "wrong_when",
    "smallest_case", "message", "own_derivative", "diagnoses", "notes",
}  # fmt: skip
TENSOR_FIELDS = {"status", "accuracy", "attribution", "failed", "worst"}


def no_constant(text):
    raise AssertionError(f"{text} is no JSON")


def read(text):
    return json.loads(text, parse_constant=no_constant)


@pytest.mark.parametrize("name", ["right.py", "wrong.py", "raises.py", "template.py"])
def test_stdout_is_the_report_alone(oracle, name):
    result = oracle("check", name, "--cases", "30", "--json", "-")
    report = read(result.stdout)
    assert report.keys() >= FIELDS
    assert (report["version"], report["target"]) == (1, name)
    assert {"cases", "skipped"} <= report["strength"].keys()
    for spec in report["specs"]:
        assert spec.keys() >= SPEC_FIELDS
        assert all(tensor.keys() >= TENSOR_FIELDS for tensor in spec["tensors"].values())


def test_what_the_report_says_of_a_wrong_gradient(oracle):
    spec, *_ = read(oracle("check", "wrong.py", "--json", "-").stdout)["specs"]
    assert (spec["spec"], spec["verdict"]) == ("Linear", "wrong")
    assert spec["implements"] == "affine_forward, affine_backward"
    assert {name: tensor["failed"] > 0 for name, tensor in spec["tensors"].items()} == {
        "out": False, "dx": False, "dweight": False, "dbias": True,
    }  # fmt: skip
    assert 0 < spec["failed"] < spec["cases"]
    assert spec["wrong_when"] == "N > 1"
    assert oracle("check", "wrong.py", "--case", spec["smallest_case"]).exit_code == WRONG


def test_what_the_report_says_of_a_layer_that_only_raises(oracle):
    spec, *_ = read(oracle("check", "raises.py", "--cases", "12", "--json", "-").stdout)["specs"]
    assert spec["verdict"] == "error"
    assert spec["tensors"]["out"]["accuracy"] in ("exact", "rounding")
    assert spec["tensors"]["dx"]["status"] == "error"
    assert "NameError: name 'oops' is not defined (raises.py, line 9: `dw = oops + " in spec["reason"]
    assert spec["diagnoses"] == []


def test_several_targets_are_one_report(oracle):
    report = read(oracle("check", "right.py", "wrong.py", "--cases", "12", "--json", "-").stdout)
    assert report["version"] == 1
    assert [target["verdict"] for target in report["targets"]] == ["right", "wrong"]


def test_a_report_in_a_file(oracle, folder):
    result = oracle("check", "right.py", "--cases", "12", "--json", "report.json")
    assert read((folder / "report.json").read_text())["verdict"] == "right"
    assert result.stdout.startswith("right.py: right, ")


def test_list_names_every_layer(oracle):
    layers = read(oracle("list", "--json").stdout)["layers"]
    assert [layer["spec"] for layer in layers] == list(SPECS)
    assert all(layer["cases"] >= layer["settings"] > 0 for layer in layers)
    table = oracle("list").stdout
    assert all(name in table for name in SPECS)


# ---- for a person


def test_the_story_of_a_wrong_layer(oracle):
    text = oracle("check", "odd [red] name.py", "--cases", "30").stdout
    assert "odd [red] name.py: wrong, 0 of " in text
    assert "dbias is wrong when N > 1" in text
    assert "replay: oracle check 'odd [red] name.py' --case \"Linear(" in text


def shown(report, width=80):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        print_report(report, console)
    return capture.get()


@pytest.mark.parametrize("target", ["scratchnet.nn", "my_layers"])
def test_names_and_verdicts_are_whole_at_80_columns(target):
    specs = [unjudged_spec(name, f"{target}.{name}", "no time") for name in SPECS]
    for spec in specs[::2]:
        spec["tensors"] = {
            name: {"failed": 9, "worst": None}
            for name in ("out", "dx", "dweight", "dbias", "running_mean", "running_var")
        }
        spec |= {"failed": 120, "cases": 120, "verdict": "wrong"}
    text = shown(file_report("mine", "auto", "L0", 1.0, "2.13.0", specs))
    rows = [line.split() for line in text.splitlines()]
    for spec in specs:
        assert [spec["spec"], spec["verdict"], str(spec["failed"]), str(spec["cases"])] in [row[:4] for row in rows]
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": ""}


def started(*arguments, **environment):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120,
                          env=ENVIRONMENT | environment)  # fmt: skip


def test_help_does_not_load_torch():
    listed = "print(sorted({'torch', 'numpy', 'rich'} & {*sys.modules}))"
    result = started("-c", f"import sys\nfrom oracle.cli import app\ntry: app(['--help'])\nfinally: {listed}")
    assert result.returncode == 0
    assert "Judge any implementation" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("wanted", [True, False], ids=["colour", "NO_COLOR"])
def test_colour_where_it_is_wanted(oracle, monkeypatch, wanted):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    if not wanted:
        monkeypatch.setenv("NO_COLOR", "1")
    text = oracle("check", "scratchnet", "--spec", "ReLU", "--cases", "2").stdout
    assert ("\x1b[32m" in text) == wanted
    assert ("\x1b[3" in text) == wanted


FAULT = """
import sys
import oracle.checking, oracle.cli

def broken(*arguments):
    raise KeyError("²")

oracle.checking.open_target = broken
sys.argv = ["oracle", "check", "scratchnet"]
oracle.cli.main()
"""


def test_a_fault_of_ours_is_unjudged_and_no_traceback_even_without_unicode():
    result = started("-c", FAULT, PYTHONIOENCODING="ascii")
    assert result.returncode == UNJUDGED
    assert result.stderr == "oracle: an error of the oracle itself: KeyError: '?' (<string>, line 6)\n"


# ---- scratchnet's own refusal


def test_scratchnet_refuses_mixed_dtypes_in_words():
    with pytest.raises(
        TypeError, match=r"Linear: mixed dtypes \(x float64, weight float32\); convert the input, or the layer"
    ):
        scratchnet.nn.Linear(3, 2)(np.zeros((1, 3)))
