"""Files as students of each course write them: what is right is right, what is wrong is named, and what the course
prescribes differently from torch is a note.

tests/submissions/expected.toml is the table: file -> what is said of each function and class that is not plainly right:
the verdict, `tensor:mistake` for each wrong tensor (`*` where no mistake is named yet), ids of the notes.
"""

import sys
import tomllib
from pathlib import Path

import pytest

from oracle.checking import check
from oracle.layers import SPECS
from oracle.subjects.target import TargetError

FOLDER = Path(__file__).parents[1] / "submissions"
TABLE = tomllib.loads((FOLDER / "expected.toml").read_text())
HELPERS = {"dlfs/common/functions.py", "dlfs/common/util.py"}
CASES = 28
LATER = {"svm_loss": "MultiMarginLoss"}  # needs a layer that the oracle may not have yet


def said(spec: dict) -> str:
    """What the report says of one function or class, as in the table."""
    wrong = [
        f"{name}:{(tensor['attribution'] or '').removeprefix('mistake:')}"
        for name, tensor in spec["tensors"].items()
        if tensor["failed"]
    ]
    return " ".join([spec["verdict"], *wrong, *(note["id"] for note in spec["notes"])])


def alike(expected: str, came: str) -> bool:
    """Word by word; "dx:*" is a wrong dx whatever is said of it."""
    words, actual = expected.split(), came.split()
    return len(words) == len(actual) and all(
        actual[place].startswith(word[:-1]) if word.endswith(":*") else actual[place] == word
        for place, word in enumerate(words)
    )


@pytest.mark.parametrize("name", TABLE)
def test_what_is_said_of_a_submission(name):
    course = name.partition("/")[0]
    report = check(str(FOLDER / name), cases=CASES, convention="eecs" if course == "eecs" else "auto")
    table = {key: text for key, text in TABLE[name].items() if LATER.get(key) is None or LATER[key] in SPECS}
    assert len(report["problems"]) == int(table.pop("problems", 0))
    assert report["convention"] == table.pop("convention", "class" if course == "loose" else course)
    came = {spec["implements"]: said(spec) for spec in report["specs"]}
    assert table.keys() <= came.keys()
    assert {key: text for key, text in came.items() if not alike(table.get(key, "right"), text)} == {}


def test_torch_code_is_never_run_in_this_process_unasked():
    with pytest.raises(TargetError, match="say --convention eecs"):
        check(str(FOLDER / "eecs" / "convolutional_networks.py"), cases=CASES)


def test_of_a_forward_that_raises_no_gradient_is_called_the_derivative():
    (spec,) = check(str(FOLDER / "eecs" / "pool_overlapping.py"), cases=CASES, convention="eecs")["specs"]
    assert spec["own_derivative"] is None
    assert "derivative" not in spec["message"]


def test_torch_files_of_two_students_do_not_meet(tmp_path):
    own = "class ReLU:\n    @staticmethod\n    def forward(x):\n        return %s, x\n"
    for name, text in (("a", "x * 2"), ("b", "x.clamp(min=0)")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fully_connected_networks.py").write_text(own % text)
        (tmp_path / name / "layers.py").write_text(
            "import torch\nfrom fully_connected_networks import ReLU as Theirs\nfrom eecs598 import Solver\n"
            + own % "Theirs.forward(x)[0]" + "    @staticmethod\n    def backward(dout, cache):\n"
            "        return dout * (cache > 0)\n"
        )  # fmt: skip
    verdicts = [check(str(tmp_path / name / "layers.py"), cases=4, convention="eecs")["verdict"] for name in "ab"]
    assert verdicts == ["wrong", "right"]
    assert not {"eecs598", "fully_connected_networks"} & sys.modules.keys()


def test_every_submission_is_in_the_table():
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".py", ".ipynb")}
    assert files - HELPERS == set(TABLE)


@pytest.mark.parametrize("course", ["cs231n", "dlfs", "mytorch", "dlai", "snu", "eecs", "loose"])
def test_a_course_has_a_right_file_and_six_wrong_ones(course):
    wrong = [name for name, words in TABLE.items() if name.startswith(f"{course}/")
             and any(str(text).startswith(("wrong", "partial")) for text in words.values())]  # fmt: skip
    right = [name for name in TABLE if name.startswith(f"{course}/") and name not in wrong]
    assert right
    assert len(wrong) >= (3 if course == "loose" else 6)


def test_a_mistake_is_told_in_the_words_of_the_course():
    report = check(str(FOLDER / "cs231n" / "rnn_wrong.py"), ["LSTMCell"], cases=CASES)
    (found,) = {(each["hint"], each["fix"]) for each in report["specs"][0]["diagnoses"]}
    assert "i, f, o, g" in found[0]  # torch's order is the one that the file has
    assert "i, f, g, o" not in "".join(found)


def test_what_the_course_hands_out_is_not_called_wrong():
    (spec,) = check(str(FOLDER / "cs231n" / "one_pass.py"), ["CrossEntropyLoss"], cases=120)["specs"]
    assert said(spec) == "right log-of-zero"
    assert spec["tensors"]["out"]["attribution"] == "convention:log-of-zero"
