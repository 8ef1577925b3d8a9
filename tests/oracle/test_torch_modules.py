"""Torch modules and optimizers as people write them: names of their own, one axis, plain attributes; what cannot be
loaded or called as torch's layer is, is not judged, and never called wrong."""

import pytest
import torch

import oracle
from oracle.subjects.torch_module import TorchModule
from oracle.subjects.torch_optimizer import TorchOptimizer


class LastAxis(torch.nn.Module):
    """RMSNorm as language models have it."""

    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.weight = torch.nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class OfAModel(LastAxis):
    def __init__(self, d_model, eps=1e-6):
        super().__init__(d_model, eps)


class InFloat32(LastAxis):
    """Its statistics are taken in float32 whatever it is given."""

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight


class ByImage(torch.nn.Module):
    """BatchNorm2d with parameters (1, C, 1, 1), statistics in plain attributes, and no counter."""

    def __init__(self, num_features):
        super().__init__()
        shape = (1, num_features, 1, 1)
        self.gamma, self.beta = torch.nn.Parameter(torch.ones(shape)), torch.nn.Parameter(torch.zeros(shape))
        self.running_mean, self.running_var = torch.zeros(shape), torch.ones(shape)

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
            n = x.numel() / x.shape[1]
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean.detach()
            self.running_var = 0.9 * self.running_var + 0.1 * var.detach() * n / (n - 1)
        return (x - mean) / torch.sqrt(var + 1e-5) * self.gamma + self.beta


class Weighted(torch.nn.Module):
    """The class weights that the constructor is given are not kept as a buffer."""

    def __init__(self, weight=None):
        super().__init__()
        self.loss = [torch.nn.CrossEntropyLoss(weight)]

    def forward(self, x, target):
        return self.loss[0](x, target)


class Decoupled(torch.optim.Optimizer):
    """AdamW whose state has names of its own."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                self.update(p, state, group)

    def update(self, p, state, group):
        first, second = group["betas"]
        state["t"] += 1
        state["m"].lerp_(p.grad, 1 - first)
        state["v"].mul_(second).addcmul_(p.grad, p.grad, value=1 - second)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        m, v = state["m"] / (1 - first ** state["t"]), state["v"] / (1 - second ** state["t"])
        p.sub_(group["lr"] * m / (v.sqrt() + group["eps"]))


class Coupled(Decoupled):
    def update(self, p, state, group):
        p.grad += group["weight_decay"] * p
        super().update(p, state, {**group, "weight_decay": 0.0})


@pytest.mark.parametrize(
    ("layer", "like", "options"),
    [
        (LastAxis, "RMSNorm", {}),
        (OfAModel, "RMSNorm", {}),
        (InFloat32, "RMSNorm", {}),
        (ByImage, "BatchNorm2d", {}),
        (Weighted, "CrossEntropyLoss", {}),
        (Decoupled, "AdamW", {}),
        (Decoupled, torch.optim.AdamW, {"params": {"exp_avg": "m", "exp_avg_sq": "v"}}),
        (torch.optim.RMSprop, "RMSprop", {}),
    ],
)
def test_what_people_write_is_right(layer, like, options):
    oracle.assert_matches(layer, like, cases=40, **options)


def test_an_optimizer_that_is_another_one_is_called_so():
    with pytest.raises(AssertionError, match="weight-decay-decoupled: Adam and AdamW have changed places"):
        oracle.assert_matches(Coupled, "AdamW", cases=40)


def test_a_state_that_is_wrong_is_seen_where_it_was_named():
    with pytest.raises(AssertionError, match="exp_avg_sq is wrong"):
        oracle.assert_matches(Decoupled, "AdamW", cases=20, params={"exp_avg_sq": "m"})


class Combined(torch.nn.Module):
    """Right, and with one weight where torch has two."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.fc = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, hidden):
        return torch.tanh(self.fc(torch.cat([x, hidden], -1)))


class Rows(ByImage):
    def __init__(self, num_features, num_dims):
        super().__init__(num_features)


class OneInput(torch.nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x)


class Forgetful(ByImage):
    def __init__(self, num_features):
        super().__init__(num_features)
        del self.running_mean


class Misspelt(torch.nn.Module):
    def __int__(self, normalized_shape):
        super().__init__()


class Called(torch.nn.LayerNorm):
    def __init__(self, width):
        super().__init__(width)


@pytest.mark.parametrize(
    ("layer", "like", "words"),
    [
        (Combined, "RNNCell", r"not judged: .*no parameter 'weight_ih' \(it has: fc.weight, fc.bias\).*--map"),
        (Forgetful, "BatchNorm2d", r'name it with params={"running_mean": ...}$'),  # which --map cannot say
        (Rows, "BatchNorm2d", "not judged: .*missing a required argument: 'num_dims'"),
        (OneInput, "MultiheadAttention", r"not judged: OneInput.forward\(x\) is called with"),
    ],
)
def test_what_does_not_fit_is_not_judged_and_says_why(layer, like, words):
    with pytest.raises(AssertionError, match=words):
        oracle.assert_matches(layer, like, cases=20)


@pytest.mark.parametrize(("layer", "words"), [(Called, "Called takes width"), (Misspelt, "takes no argument")])
def test_a_constructor_without_torchs_arguments_says_what_it_takes(layer, words):
    with pytest.raises(ValueError, match=f"needs normalized_shape; .*{words}"):
        oracle.assert_matches(layer, "LayerNorm")
    assert TorchModule("LayerNorm", layer).untaken


def test_from_the_shell(tmp_path, monkeypatch):
    from oracle.checking import check

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_ones_own.py").write_text(
        "import torch\n\n\nclass Squash(torch.nn.LayerNorm):\n    def __init__(self, width, eps=1e-5):\n"
        "        super().__init__(width, eps)\n        self.w = self.weight\n        del self.weight\n\n"
        "    def forward(self, x):\n"
        "        return torch.nn.functional.layer_norm(x, x.shape[-1:], self.w, self.bias, self.eps)\n\n\n"
        "class SGD(torch.optim.SGD):\n    pass\n"
    )
    report = check("of_ones_own", cases=20, map_text="Squash=LayerNorm; width=normalized_shape; weight=w")
    assert [(each["spec"], each["verdict"]) for each in report["specs"]] == [("LayerNorm", "right"), ("SGD", "right")]
    assert isinstance(TorchOptimizer("SGD", torch.optim.SGD), TorchModule)


class Narrow(torch.nn.Linear):
    """Computed in float32, answered in the dtype that came."""

    def forward(self, x):
        bias = None if self.bias is None else self.bias.float()
        return torch.nn.functional.linear(x.float(), self.weight.float(), bias).type_as(x)


@oracle.parametrize(Narrow, like="Linear", cases=12, dtype="float64")
def test_one_case_of_a_lower_precision(check):
    check()
