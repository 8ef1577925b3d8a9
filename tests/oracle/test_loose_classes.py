"""Classes of any shape: what backward may be called and given, and trial runs that end."""

import textwrap
import time

import pytest

from oracle.checking import check, takes
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import default_cases
from oracle.subjects import Answer, Failure
from oracle.subjects.binding import Binding
from oracle.subjects.plan import Plan, Step
from oracle.subjects.probe import Probe
from oracle.subjects.target import TargetError, open_target
from oracle.subjects.trial_calls import trial


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "layers.py"
        path.write_text("import numpy as np\n" + textwrap.dedent(text))
        return str(path)

    return write


RELU = """
class ReLU:
    {made}

    def {forward}(self, x):
        self.x = x
        {out}

    def {backward}:
        {gradient}
"""
PLAIN = {"made": "", "forward": "forward", "out": "return np.maximum(x, 0)", "backward": "backward(self, dout)",
         "gradient": "return dout * (self.x > 0)"}  # fmt: skip
WAYS = {
    "called, and bprop": {"forward": "__call__", "backward": "bprop(self, delta)",
                          "gradient": "return delta * (self.x > 0)"},
    "keras": {"forward": "call", "backward": "backward_pass(self, accum_grad)",
              "gradient": "return accum_grad * (self.x > 0)"},
    "camel case": {"forward": "feedForward", "backward": "backPropagate(self, err)",
                   "gradient": "return err * (self.x > 0)"},
    "the derivative at x": {"backward": "derivative(self, x)", "gradient": "return (x > 0) * 1.0"},
    "the derivative, called backward": {"backward": "backward(self, x)", "gradient": "return (x > 0) * 1.0"},
    "the derivative at what is called s": {"backward": "grad(self, s)", "gradient": "return (s > 0) * 1.0"},
    "the gradient times what is called x": {"backward": "grad(self, x)", "gradient": "return x * (self.x > 0)"},
    "the input again": {"backward": "backward(self, x, upstream)", "gradient": "return upstream * (x > 0)"},
    "the input again, last": {"backward": "backward(self, g, x)", "gradient": "return g * (x > 0)"},
    "the output again": {"backward": "backward(self, g, output)", "gradient": "return g * (output > 0)"},
    "a pair that is used": {"out": "return np.maximum(x, 0), x > 0", "backward": "backward(self, dout, m)",
                            "gradient": "return dout * m"},
    "the pair's part first": {"out": "return np.maximum(x, 0), x", "backward": "backward(self, cache, dout)",
                              "gradient": "return dout * (cache > 0)"},
    "a pair that is not used": {"out": "return np.maximum(x, 0), {'x': x}"},
    "a dictionary": {"gradient": "return {'grad_input': dout * (self.x > 0), 'count': 3}"},
    "a tuple of one": {"gradient": "return (dout * (self.x > 0),)"},
    "None beside it": {"gradient": "return dout * (self.x > 0), None, None"},
}  # fmt: skip


MISTAKES = [
    ({"backward": "gradient(self, x)", "gradient": "return (x < 0) * 1.0"}, "dx"),
    ({"backward": "backward(self, x, dout)", "gradient": "return dout * (x < 0)"}, "dx"),
    ({"out": "return np.minimum(x, 0), x"}, "out"),
    ({"gradient": "return {'dx': dout * (self.x < 0)}"}, "dx"),
]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """class -> the tensors of it that are not right: all the ways and mistakes are classes of one file."""
    ways = {f"Way{n}": way for n, way in enumerate(WAYS.values())}
    ways |= {f"Mistake{n}": way for n, (way, _) in enumerate(MISTAKES)}
    path = tmp_path_factory.mktemp("loose") / "layers.py"
    texts = [RELU.format(**PLAIN | way).replace("class ReLU", f"class {name}") for name, way in ways.items()]
    path.write_text("\n".join(["import numpy as np", *texts]))
    with open_target(str(path), map_text="; ".join(f"{name}=ReLU" for name in ways)) as target:
        assert target.problems == []
        cases, _ = default_cases(SPECS["ReLU"], lambda setting: True, 6)
        results = {subject.implements.partition(".")[0]: judge(subject, cases).failed for subject in target.subjects}
    return {
        name: {tensor for result in failed for tensor, found in result.tensors.items() if found.failed}
        for name, failed in results.items()
    }


@pytest.mark.parametrize("number", range(len(WAYS)), ids=list(WAYS))
def test_a_relu_is_called_as_its_author_wrote_it(wrong, number):
    assert wrong[f"Way{number}"] == set()


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_in_it_stays_one(wrong, number):
    assert wrong[f"Mistake{number}"] == {MISTAKES[number][1]}


def test_what_backward_needs_and_forward_does_not_give(written):
    way = {"backward": "backward(self, dout, frob)", "gradient": "return dout * frob"}
    with pytest.raises(TargetError, match=r"ReLU.backward needs frob too.*--map"):
        open_target(written(RELU.format(**PLAIN | way)))


def test_a_constructor_that_raises_is_told_with_its_line(written):
    text = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.W = np.zeros(n_in, n_out)

        def forward(self, x):
            return x @ self.W
    """
    with pytest.raises(TargetError, match=r"raised TypeError.*layers.py, line 5: `self.W = np.zeros\(n_in, n_out\)`"):
        open_target(written(text))


def test_the_one_argument_that_is_left_is_the_one_setting_that_is_left(written):
    text = """
    class Conv1D:
        def __init__(self, n_in, n_out, frob):
            self.w = np.zeros((n_out, n_in, frob))

        def forward(self, x):
            F, _, k = self.w.shape
            return sum(np.einsum("ncl,fc->nfl", x[:, :, i:x.shape[2] - k + 1 + i], self.w[:, :, i]) for i in range(k))
    """
    with open_target(written(text)) as target:
        (subject,) = target.subjects
        cases, _ = default_cases(SPECS["Conv1d"], lambda setting: takes(subject, setting), 20, 0, subject.fixed)
        met, _ = default_cases(SPECS["Conv1d"], lambda setting: takes(subject, setting), 20)
        assert judge(subject, cases).verdict == "partial"
    assert len(cases) > len(met)  # the grid has few cases without a bias, and more are made


def test_what_was_converted_is_a_note(written):
    way = {"out": "return np.maximum(x, 0).tolist()"}
    report = check(written(RELU.format(**PLAIN | way)), cases=10)
    notes = report["specs"][0]["notes"]
    assert {"id": "converted", "text": "out is a list, taken as an array"} in notes
    assert len(notes) == 1  # said once, and not for each case


# Trial runs end: in time, and after two that had to be stopped

ENDLESS = "def __init__(self):\n        while True: pass"
DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        {made}
        self.W = np.ones((n_in, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        {back}
        return dout @ self.W.T
"""


def test_an_endless_constructor_costs_no_more_than_the_budget(written):
    path = written(RELU.format(**PLAIN | {"made": ENDLESS}) + DENSE.format(made="", back="self.dW = self.x.T @ dout"))
    started = time.monotonic()
    report = check(path, cases=10, timeout=30, budget=1.0)
    assert time.monotonic() - started < 6
    said = {spec["spec"]: (spec["verdict"], spec["reason"]) for spec in report["specs"]}
    assert said["ReLU"][0] == said["Linear"][0] == "unjudged"
    assert "the budget ended" in said["ReLU"][1]


@pytest.mark.parametrize(
    "made, back, verdict",
    [("while True: pass", "", "unjudged"), ("", "while True: pass", "error")],
)
def test_nobody_waits_for_a_third_trial_run(written, made, back, verdict):
    started = time.monotonic()
    (spec,) = check(written(DENSE.format(made=made, back=back)), cases=10, timeout=0.4)["specs"]
    assert time.monotonic() - started < 6
    assert spec["verdict"] == verdict
    assert "no answer within 0.4 s" in spec["message"]


class Endless:
    """A session in which each run has to be stopped."""

    def __init__(self):
        self.plans = []

    def run(self, plan, arrays, look, end):
        self.plans.append(plan)
        return Answer(failures={"backward" if plan.backward else "forward": Failure("timeout", "")}), {}


def test_two_trial_runs_are_stopped_and_the_rest_not_begun():
    session = Endless()
    probe, binding = Probe(session), Binding("ReLU", "", Plan(Step("f"), Step("g")), {})
    for _ in range(4):
        answer, _ = probe.run(binding, trial(SPECS["ReLU"]))
        assert answer.failures["forward"].kind == "timeout"
    assert [plan.backward is None for plan in session.plans] == [False, True]


def test_a_file_that_loads_too_long_ends_with_the_budget(written):
    started = time.monotonic()
    with pytest.raises(TargetError, match="the budget ended"):
        open_target(written("import time\ntime.sleep(60)\n"), timeout=30, budget=0.5)
    assert time.monotonic() - started < 5


# Functions of an autograd engine

ENGINE = """
class Function:
    def __call__(self, variable):
        self.output = self.forward(variable.data)
        return self.output

class Tanh(Function):
    def forward(self, x):
        {kept}return np.tanh(x)

    def backward(self, gy):
        return gy * (1 - self.output**2)
"""


def test_what_only_call_keeps_for_backward_is_no_mistake_of_it(written):
    with pytest.raises(TargetError, match=r"Tanh.*has no attribute 'output'.*autograd engine"):
        open_target(written(ENGINE.format(kept="")))
    assert check(written(ENGINE.format(kept="self.output = np.tanh(x); ")), cases=10)["verdict"] == "right"


NOT_CALLED_AS_KNOWN = {
    "a batch norm whose weight is one number": (
        """
        class BatchNorm:
            def __init__(self, gamma=1.0, beta=0.0):
                self.gamma, self.beta = gamma, beta

            def forward(self, x):
                self.var = x.var(axis=0)
                return self.gamma * (x - x.mean(axis=0)) / np.sqrt(self.var + 1e-5) + self.beta
        """,
        "no weight of shape",
    ),
    "a dropout whose p stands in its code": (
        """
        class Dropout:
            def forward(self, x):
                self.mask = np.random.binomial(1, 0.8, size=x.shape) / 0.8
                return x * self.mask
        """,
        "Dropout has no argument for p",
    ),
    "eps where a course gives a dictionary": (
        """
        def batchnorm_forward(x, gamma, beta, eps):
            hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
            return gamma * hat + beta, (hat, gamma)
        """,
        "no layer that can be judged was found",
    ),
    "numbers where a course gives a dictionary": (
        """
        def conv_forward_naive(x, w, b, stride):
            return np.zeros((len(x), len(w), x.shape[2] // stride, x.shape[3] // stride)), None
        """,
        "no layer that can be judged was found",
    ),
}


@pytest.mark.parametrize("case", NOT_CALLED_AS_KNOWN)
def test_what_cannot_be_called_as_its_name_says_is_not_called_wrong(written, case):
    text, words = NOT_CALLED_AS_KNOWN[case]
    with pytest.raises(TargetError, match=words):
        check(written(text))
