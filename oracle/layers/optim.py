"""Optimizers as the oracle knows them.

A case has the gradients of several steps, g (T, ...), and the weight they begin with. What is judged is the weight
after the T steps, and the optimizer's state by torch's names. They are buffers of the call: there before, and there
after with other values. The twin is a module whose forward makes the steps with torch.optim, in float64 throughout:
torch keeps numbers of its state (eta, mu_product) in its default dtype, and iterates Muon in bfloat16, of which two
digits would be left to judge by. (Muon's worst case in float32 says nothing after 5 iterations; float64 judges it.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Formula
from oracle.layers import optim_steps
from oracle.layers.spec import Args, Choice, Draw, LayerSpec, Setting, Shapes, Tensors, Uniform, expect, spread
from oracle.running_error import Running

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Steps = Callable[[Any, Any, SimpleNamespace], dict[str, Any]]
PARTS = {"betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("smallest", "largest"),
         "ns_coefficients": ("a", "b", "c")}  # fmt: skip
NUMBERS = ("mu_product", "eta", "mu")  # the state that is one number


def prepare(spec: str, settings: Args, number: Callable[[float], Any] = float) -> SimpleNamespace:
    """The settings as a step reads them: tuples by the names of their parts; `number` is what a float becomes."""
    k = SimpleNamespace(decoupled=settings.get("decoupled_weight_decay", spec == "AdamW"))
    for name, value in settings.items():
        for part, entry in zip(PARTS.get(name, (name,)), value if name in PARTS else (value,)):
            setattr(k, part, number(entry) if isinstance(entry, float) else entry)
    return k


def _rounding(step: Steps, case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """The steps on Running numbers: what one step rounds, the next one carries on by the formula's own derivatives.
    Settings may be rounded to the dtype of the weight, u each, as they are where a step is computed in it throughout;
    gradients and the first weight are exact."""
    k = prepare(call.spec, call.settings, lambda value: Running(value, u, tiny, u * abs(value)))
    k.shape = call.buffers["weight"].shape
    gradients = [Running(gradient, u, tiny) for gradient in call.inputs["g"]]
    after = step(gradients, Running(call.buffers["weight"], u, tiny), k)
    return {name: after[name].error if isinstance(after[name], Running) else np.zeros(()) for name in expected}


def _tensors(state: Callable[[Args], tuple[str, ...]], args: Args, shapes: Shapes) -> Tensors:
    g = shapes["g"]
    expect(len(g) > 0, "g has no axis: the first one counts the steps")
    if args.get("nesterov"):
        expect(args["momentum"] > 0 and args.get("dampening", 0) == 0, "nesterov needs momentum > 0 and dampening = 0")
    if "ns_steps" in args:
        expect(len(g) == 3, f"a weight of shape {g[1:]}: Muon takes two axes")
    names = ("weight", *state(args))
    return Tensors({}, buffers={name: () if name in NUMBERS else g[1:] for name in names})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """A state as it is before the first step; the weight near 1, where its decay shows."""
    begins = {
        "sum": args.get("initial_accumulator_value", 0.0),
        "step_size": args["lr"],
        "eta": args["lr"],
        "mu": 1.0,
        "mu_product": 1.0,
    }
    states = ("momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "grad_avg", "acc_delta",
              "exp_inf", "prev", "ax")  # fmt: skip
    drawn: dict[str, Draw] = {name: Choice((begins.get(name, 0.0),)) for name in (*states, *begins)}
    return drawn | ({"weight": Uniform(0.5, 2.0)} if style == "random" else {})


def _twin(name: str, states: tuple[str, ...]) -> Callable[[Any], type]:
    def twin(torch: Any) -> type:
        class Steps(torch.nn.Module):
            def __init__(self, **settings: Any):
                super().__init__()
                self.settings = settings
                for state in ("weight", *states):
                    self.register_buffer(state, torch.zeros(()))

            def forward(self, g: Any) -> tuple:
                default, bfloat16 = torch.get_default_dtype(), torch.Tensor.bfloat16
                torch.set_default_dtype(torch.float64)
                torch.Tensor.bfloat16 = torch.Tensor.clone
                try:
                    parameter = torch.nn.Parameter(self.weight.clone())
                    optimizer = getattr(torch.optim, name)([parameter], **self.settings)
                    for gradient in g.detach():
                        parameter.grad = gradient.clone()
                        optimizer.step()
                finally:
                    torch.set_default_dtype(default)
                    torch.Tensor.bfloat16 = bfloat16
                for state, value in {"weight": parameter.detach(), **optimizer.state[parameter]}.items():
                    if state != "step":
                        setattr(self, state, value)
                return ()

        return Steps

    return twin


# T steps of a weight of some shape
SHAPES = ((3, 2), (4, 2, 3), (2, 3), (5, 4), (3, 1), (6, 3, 2), (4, 2), (3, 3, 2), (8, 2), (2, 2, 2), (10, 3), (4, 5),
          (1, 4), (3,), (20, 2), (3, 2, 2, 2, 2))  # fmt: skip
MATRICES = ((3, 2, 3), (2, 4, 2), (3, 3, 3), (4, 1, 3), (2, 3, 4), (3, 4, 6), (2, 6, 4), (2, 2, 2), (5, 2, 5),
            (3, 3, 1), (2, 5, 1), (4, 4, 3), (1, 2, 3), (10, 3, 2))  # fmt: skip


def _grid(
    axes: Mapping[str, tuple[Any, ...]], count: int, sizes: tuple[tuple[int, ...], ...] = SHAPES
) -> Iterator[Setting]:
    """The first dozen with a few steps each, then `count` with one step, many, and a weight of other axes too."""

    def setting(g: Any = None, **args: Any) -> Setting | None:
        if args.get("nesterov") and (args["momentum"] == 0 or args.get("dampening", 0) != 0):
            return None
        return Setting(args, {"g": g or sizes[0]})

    for place, first in enumerate(spread(axes, 12, setting)):
        yield Setting(first.args, {"g": sizes[place]})
    shapes: dict[str, tuple[Any, ...]] = {"g": sizes}
    yield from spread({**axes, **shapes}, count, setting)


def _spec(
    name: str,
    step: Steps,
    defaults: Args,
    axes: Mapping[str, tuple[Any, ...]],
    states: tuple[str, ...],
    state: Callable[[Args], tuple[str, ...]] | None = None,
    sizes: tuple[tuple[int, ...], ...] = SHAPES,
) -> LayerSpec:
    """`states`: all that there can be, by torch's names; `state`: those of a setting, where it is not all."""
    return LayerSpec(
        name, (), defaults, partial(_tensors, state or (lambda args: states)), partial(_grid, axes, 40, sizes),
        Formula(partial(_rounding, step)), inputs=("g",), draws=_draws, exact=lambda args: False,
        twin=_twin(name, states),
    )  # fmt: skip


_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
_MOMENTS = ("exp_avg", "exp_avg_sq")
_LR, _BETAS, _EPS, _DECAY = (0.1, 0.5, 0.01), ((0.9, 0.999), (0.5, 0.75)), (1e-8, 0.1), (0.0, 0.25)
_FLAG = (False, True)


def _amsgrad(args: Args) -> tuple[str, ...]:
    return (*_MOMENTS, "max_exp_avg_sq") if args["amsgrad"] else _MOMENTS


SPECS = (
    _spec("SGD", optim_steps.sgd,
          {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False},
          {"lr": (0.1, 0.5), "momentum": (0.9, 0.5, 0.0), "dampening": (0.0, 0.5), "weight_decay": _DECAY,
           "nesterov": _FLAG, "maximize": _FLAG},
          ("momentum_buffer",), lambda args: ("momentum_buffer",) if args["momentum"] else ()),
    _spec("Adam", optim_steps.adam,
          {**_ADAM, "amsgrad": False, "maximize": False, "decoupled_weight_decay": False},
          {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "amsgrad": _FLAG, "maximize": _FLAG,
           "decoupled_weight_decay": _FLAG}, (*_MOMENTS, "max_exp_avg_sq"), _amsgrad),
    _spec("AdamW", optim_steps.adam,
          {**_ADAM, "weight_decay": 1e-2, "amsgrad": False, "maximize": False},
          {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": (0.25, 0.01), "amsgrad": _FLAG, "maximize": _FLAG},
          (*_MOMENTS, "max_exp_avg_sq"), _amsgrad),
    _spec("RMSprop", optim_steps.rmsprop,
          {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False,
           "maximize": False},
          {"lr": _LR, "alpha": (0.99, 0.5), "eps": _EPS, "weight_decay": _DECAY, "momentum": (0.0, 0.9),
           "centered": _FLAG, "maximize": _FLAG}, ("square_avg", "grad_avg", "momentum_buffer"),
          lambda args: ("square_avg", *(("grad_avg",) if args["centered"] else ()),
                        *(("momentum_buffer",) if args["momentum"] else ()))),
    _spec("Adagrad", optim_steps.adagrad,
          {"lr": 1e-2, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10,
           "maximize": False},
          {"lr": _LR, "lr_decay": (0.0, 0.25), "weight_decay": _DECAY, "initial_accumulator_value": (0.0, 0.5),
           "eps": (1e-10, 0.1), "maximize": _FLAG}, ("sum",)),
    _spec("Adadelta", optim_steps.adadelta,
          {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0, "maximize": False},
          {"lr": (1.0, 0.5), "rho": (0.9, 0.5), "eps": (1e-6, 0.1), "weight_decay": _DECAY, "maximize": _FLAG},
          ("square_avg", "acc_delta")),
    _spec("Adamax", optim_steps.adamax, {**_ADAM, "lr": 2e-3, "maximize": False},
          {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "maximize": _FLAG}, ("exp_avg", "exp_inf")),
    _spec("NAdam", optim_steps.nadam,
          {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, "decoupled_weight_decay": False, "maximize": False},
          {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "momentum_decay": (4e-3, 0.5),
           "decoupled_weight_decay": _FLAG, "maximize": _FLAG}, (*_MOMENTS, "mu_product")),
    _spec("RAdam", optim_steps.radam, {**_ADAM, "decoupled_weight_decay": False, "maximize": False},
          {"lr": _LR, "betas": ((0.9, 0.999), (0.5, 0.9)), "eps": _EPS, "weight_decay": _DECAY,
           "decoupled_weight_decay": _FLAG, "maximize": _FLAG}, _MOMENTS),
    _spec("Rprop", optim_steps.rprop,
          {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0), "maximize": False},
          {"lr": _LR, "etas": ((0.5, 1.2), (0.25, 2.0)), "step_sizes": ((1e-6, 50.0), (0.05, 0.2)), "maximize": _FLAG},
          ("prev", "step_size")),
    _spec("ASGD", optim_steps.asgd,
          {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0, "maximize": False},
          {"lr": _LR, "lambd": (1e-4, 0.25), "alpha": (0.75, 0.5), "t0": (1e6, 1.0), "weight_decay": _DECAY,
           "maximize": _FLAG}, ("ax", "eta", "mu")),
    _spec("Muon", optim_steps.muon,
          {"lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True,
           "ns_coefficients": (3.4445, -4.775, 2.0315), "eps": 1e-7, "ns_steps": 5, "adjust_lr_fn": None},
          {"lr": _LR, "weight_decay": (0.1, 0.25), "momentum": (0.95, 0.5), "nesterov": (True, False),
           "ns_steps": (5, 2), "adjust_lr_fn": (None, "match_rms_adamw")}, ("momentum_buffer",), sizes=MATRICES),
)  # fmt: skip
