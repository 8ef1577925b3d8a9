"""Files as students of each course write them: what is right is right, what is wrong is named, and what the course
prescribes differently from torch is a note.
"""

from pathlib import Path

import pytest

from oracle.checking import check

FOLDER = Path(__file__).parents[1] / "submissions"
CASES = 28

# file -> what is said of each of its functions and classes that is not right without a note: the verdict; for a wrong
# tensor its mistake, "" where it has none; ids of notes
TABLE: dict[str, dict[str, str]] = {}
TABLE |= {
    "cs231n/layers.py": {
        "max_pool_forward_naive, max_pool_backward_naive": "right ties-all",
        "batchnorm_forward, batchnorm_backward": "right biased-running-variance momentum-inverted",
        "batchnorm_forward, batchnorm_backward_alt": "right biased-running-variance momentum-inverted",
        "spatial_batchnorm_forward, spatial_batchnorm_backward": "right biased-running-variance momentum-inverted",
        "dropout_forward, dropout_backward": "right dropout-p-is-keep",
    },
    "cs231n/optim.py": {"sgd_momentum": "right lr-inside-velocity"},
    "cs231n/crop.py": {"conv_forward_naive, conv_backward_naive": "wrong dx:crop-with-zero-padding"},
    "cs231n/affine_and_loss.py": {
        "affine_forward, affine_backward (on inputs of three axes)": "wrong dx:*",
        "softmax_loss": "wrong dx:missing-batch-mean",
    },
    "cs231n/batchnorm.py": {
        "batchnorm_forward, batchnorm_backward":
            "wrong out:* dx:* biased-running-variance momentum-inverted",
        "batchnorm_forward, batchnorm_backward_alt":
            "wrong out:* biased-running-variance momentum-inverted",
        "layernorm_forward": "wrong out:*",
    },
    "cs231n/dropout.py": {"dropout_forward, dropout_backward": "wrong out:* dx:* dropout-p-is-keep"},
    "cs231n/pool.py": {
        "relu_forward, relu_backward": "right modifies-input",
        "max_pool_forward_naive, max_pool_backward_naive": "wrong dx:assign-instead-of-add",
    },
    "cs231n/steps.py": {
        "sgd_momentum": "wrong weight:ascends lr-inside-velocity",
        "rmsprop": "wrong weight:eps-inside",
        "adam": "wrong weight:adam-step-not-counted",
    },
    "cs231n/template.py": {
        "affine_forward, affine_backward": "missing",
        "relu_forward": "partial",
        "layernorm_forward, layernorm_backward": "missing",
    },
}  # fmt: skip


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
    report = check(str(FOLDER / name), cases=CASES)
    assert report["problems"] == []
    assert report["convention"] == ("class" if course == "loose" else course)
    came = {spec["implements"]: said(spec) for spec in report["specs"]}
    expected = TABLE[name]
    assert expected.keys() <= came.keys()
    assert {key: text for key, text in came.items() if not alike(expected.get(key, "right"), text)} == {}


def test_every_submission_is_in_the_table():
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".py", ".ipynb")}
    assert files - {name for name in files if "/lib/" in name} == set(TABLE)
