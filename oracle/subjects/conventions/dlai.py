"""deeplearning.ai: functions in a notebook.

Convolutional Neural Networks, week 1: images are NHWC, weights (f, f, C, F), the bias (1, 1, 1, F); stride and pad come
in `hparameters`.
Neural Networks and Deep Learning, week 4: an image is a column, A is (features, m), W as torch's, b (features, 1); dW
and db are divided by m, since the dZ of its networks is not. Who has dZ divided divides no more: both are right.
Improving Deep Neural Networks, week 2: an optimizer's function makes one step of all layers, whose arrays are in
dictionaries, "W1", "b1", "dW1", ...; momentum is a mean, v = beta v + (1 - beta) g from v = 0 on.
"""

from __future__ import annotations

from typing import Any

from oracle.subjects.binding import FREE, INT, Binding
from oracle.subjects.conventions.rows import ALL, COLUMNS, CONV, LINEAR, OFF, OPTIMIZERS, POOL, pair
from oracle.subjects.plan import Plan, Step

_IMAGES = {"x": "NCHW->NHWC", "out": "NCHW->NHWC"}
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})


def _pool(spec: str, mode: str) -> Binding:
    args: tuple[Any, ...] = ("$x", {"f": "@kernel_size", "stride": "@stride"}, mode)
    return pair(spec, "pool_forward", "pool_backward", args, ("dx",), POOL | {"kernel_size": INT}, layouts=_IMAGES,
                tells=("hparam",), form=mode, also=(mode,), optional=True)  # fmt: skip


# Two layers, of which one array is judged: the W of the last, or the b of the first. The others have another gradient,
# so that a step which takes theirs is seen.
_JUDGED = {"W": "W2", "b": "b1"}
_OTHERS = ("W1", "b1", "W2", "b2")


def _optimizer(spec: str, function: str, args: tuple[Any, ...], states: tuple[str, ...] = (), **more: Any
               ) -> tuple[Binding, ...]:  # fmt: skip
    """function(parameters, grads, *args) -> parameters, or (parameters, v, ...) where it has states. `states` are
    torch's names of them; all begin with zeros, as the first does."""
    accepts, fixed = OPTIMIZERS[spec]
    names = ("v", "s")[: len(states)]

    def row(kind: str, judged: str) -> Binding:
        given: dict[str, Any] = {
            "parameters": {name: "$weight" if name == judged else "=weight" for name in _OTHERS},
            **{name: {f"d{each}": f"={states[0]}" for each in _OTHERS} for name in names},
        }
        grads = {f"d{name}": "$g" if name == judged else "=weight" for name in _OTHERS}
        step = Step(function, ("$parameters", grads, *args), {}, ("parameters", *names, *(("*",) if names else ())))
        kept = {state: f"${name}[d{judged}]" for state, name in zip(states, names)}
        plan = Plan(step, given=given, read={"weight": f"$parameters[{judged}]", **kept}, state=("weight",), over="g")
        return Binding(spec, f"{function} (of {kind})", plan, accepts, layouts=COLUMNS, shapes="matrix",
                       **{"fixed": fixed, **more})  # fmt: skip

    return tuple(row(*entry) for entry in _JUDGED.items())


_MOMENTUM = OFF | {"momentum": 0.75, "dampening": 0.75, "nesterov": False}  # torch's words for 1 - beta before g

ROWS: tuple[Binding, ...] = (
    pair("Conv2d", "conv_forward", "conv_backward", _CONV, ALL, CONV | {"kernel_size": INT}, tells=("hparam",),
         optional=True,
         layouts=_IMAGES | {"weight": "OIHW->HWIO", "bias": "F->111F"}),
    pair("Linear", "linear_forward", "linear_backward", ("$x", "$weight", "$bias"), ALL, LINEAR, shapes="matrix",
         tells=("a_prev", "dz"), conventions=(*FREE, "mean-over-batch"),
         layouts={"x": "NI->IN", "out": "NO->ON", "bias": "O->O1"}),
    _pool("MaxPool2d", "max"),
    _pool("AvgPool2d", "average"),
    *_optimizer("SGD", "update_parameters_with_gd", ("@lr",)),
    *_optimizer("SGD", "update_parameters_with_momentum", ("$v", "@momentum", "@lr"), ("momentum_buffer",),
                fixed=_MOMENTUM, absent=("momentum_buffer",), differences=("velocity-from-zero",)),
    *_optimizer("Adam", "update_parameters_with_adam", ("$v", "$s", "$t", "@lr", "@betas[0]", "@betas[1]", "@eps"),
                ("exp_avg", "exp_avg_sq")),
)  # fmt: skip
