"""CS231n: functions in the file, a cache of the file's own as second result, gradients returned; images are NCHW,
weights of convolutions as torch's, those of affine layers transposed; settings come in a dictionary, which batch
normalisation writes its running statistics into, and optimizers their state.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from oracle.subjects.binding import ANY, FREE, Binding
from oracle.subjects.conventions.rows import (
    ALL,
    BATCH_NORM,
    CONV,
    COUNT,
    CROSS_ENTROPY,
    DROPOUT,
    GROUP_NORM,
    LAYER_NORM,
    LINEAR,
    MARGIN,
    MOMENTUM,
    OPTIMIZERS,
    POOL,
    loss,
    pair,
)
from oracle.subjects.plan import Plan, Step

_AFFINE = ("$x", "$weight", "$bias")
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})
_POOL = ("$x", {"pool_height": "@kernel_size[0]", "pool_width": "@kernel_size[1]", "stride": "@stride"})
_NORM = ("$x", "$weight", "$bias", "$bn_param")
_BN_PARAM = {"mode": "@mode", "eps": "@eps", "momentum": "@1-momentum", "running_mean": "$running_mean",
             "running_var": "$running_var"}  # fmt: skip
_RUNNING: dict[str, Any] = {
    "plan": {
        "given": {"bn_param": _BN_PARAM},
        "read": {name: f"$bn_param[{name}]" for name in ("running_mean", "running_var")},
        "state": ("running_mean", "running_var"),
    },
    "absent": COUNT,
    "evaluation": "forward",
    "tells": ("bn_param",),
    "differences": ("biased-running-variance", "momentum-inverted"),
}


def _optimizer(spec: str, function: str, config: Mapping[str, Any], state: Mapping[str, str], **more: Any) -> Binding:
    """function(w, dw, config) -> (next_w, config), a step at a time"""
    accepts, fixed = OPTIMIZERS[spec]
    plan = Plan(Step(function, ("$weight", "$g", "$config"), {}, ("weight", "config")), given={"config": config},
                read={name: f"$config[{key}]" for name, key in state.items()}, state=("weight",), over="g")  # fmt: skip
    return Binding(spec, function, plan, accepts, tells=("config",), **{"fixed": fixed, **more})


# Captioning: sequences are (N, T, D), one bias stands for torch's two, and the gates of an LSTM are i, f, o, g.
_SIZES = {"input_size": ANY, "hidden_size": ANY}
_ONE_LAYER = {"bias": True, "num_layers": 1, "batch_first": False, "dropout": 0.0, "bidirectional": False}
_SEQUENCES = {"h0": "LNH->NH", "x": "TNI->NTI", "out": "TNH->NTH"}
_IFOG = "ifgo>ifog:"
_GATES = {
    "gate-order": (
        "the gates stand in another order; the hand-out has the columns of Wx, Wh and b as i, f, o, g (g the one with "
        "tanh)",
        "i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)",
    )
}


def _recurrent(spec: str, name: str, inputs: tuple[str, ...], outputs: tuple[str, ...], fixed: Mapping[str, Any],
               gates: str = "", end: str = "", layouts: Mapping[str, str] = MappingProxyType({}),
               absent: tuple[str, ...] = (), **more: Any) -> Binding:  # fmt: skip
    """name_forward(*inputs, Wx, Wh, b) -> (*outputs, cache)
    name_backward(*gradients of outputs, cache) -> (*gradients of inputs, dWx, dWh, db)"""
    weights, biases = ((f"{what}_ih{end}", f"{what}_hh{end}") for what in ("weight", "bias"))
    forward = Step(f"{name}_forward", (*(f"${each}" for each in (*inputs, *weights)), "$bias"), {}, (*outputs, "cache"))
    backward = Step(f"{name}_backward", (*(f"$d{each}" for each in outputs), "$cache"), {},
                    tuple(f"d{each}" for each in (*inputs, *weights, biases[0])))  # fmt: skip
    called = {"h0": "prev_h", "c0": "prev_c"} if name.endswith("_step") else {}
    names = (*(called.get(each, each) for each in inputs), "wx", "wh", "b")
    own = dict.fromkeys(weights, f"{gates}OI->IO") | dict.fromkeys(("bias", biases[0]), gates)
    return Binding(spec, f"{name}_forward, {name}_backward", Plan(forward, backward), _SIZES, fixed,
                   layouts={**own, **layouts}, absent=(f"d{biases[1]}", *absent), needed=("h0",),
                   names=names, sums={"bias": biases}, **more)  # fmt: skip


def _dropout(p: str, handout: str, *differences: str, **more: Any) -> Binding:
    return pair("Dropout", "dropout_forward", "dropout_backward", ("$x", {"p": p, "mode": "@mode"}), ("dx",), DROPOUT,
                plan={"draws": "low"}, absent=("mask",), differences=differences, handout=handout,
                tells=("dropout_param",), **more)  # fmt: skip


# Until 2017 the hand-out dropped with probability p and the lecture kept with it: people did one or the other.
_DROPS = _dropout("@p", "", "dropout-p-is-drop")
_ADAM = {"learning_rate": "@lr", "beta1": "@betas[0]", "beta2": "@betas[1]", "epsilon": "@eps"}
_MOMENTS = {"exp_avg": "m", "exp_avg_sq": "v"}
# In 2017 the hand-out began with t = 1, and its check with a t of its own that is counted up before it is used.
_COUNTED = _optimizer("Adam", "adam", {**_ADAM, "t": 0}, _MOMENTS, differences=("step-counter-given",))

ROWS: tuple[Binding, ...] = (
    pair("Linear", "affine_forward", "affine_backward", _AFFINE, ALL, LINEAR, layouts={"weight": "OI->IO"},
         shapes="matrix"),
    pair("Linear", "affine_forward", "affine_backward", _AFFINE, ALL, LINEAR,
         layouts={"weight": "OI->IO", "x": "NI->N**"}, shapes="matrix", form="on inputs of three axes"),
    pair("ReLU", "relu_forward", "relu_backward", ("$x",), ("dx",), {"inplace": False}, shapes="some axes"),
    *(pair("Conv2d", f"conv_forward_{kind}", f"conv_backward_{kind}", _CONV, ALL, CONV, shapes="divisible")
      for kind in ("naive", "fast", "im2col", "strides")),
    *(pair("MaxPool2d", f"max_pool_forward_{kind}", f"max_pool_backward_{kind}", _POOL, ("dx",), POOL,
           shapes="tiles" if kind == "reshape" else "divisible") for kind in ("naive", "fast", "im2col", "reshape")),
    *(pair("BatchNorm1d", "batchnorm_forward", f"batchnorm_backward{alt}", _NORM, ALL, BATCH_NORM, shapes="matrix",
           **_RUNNING) for alt in ("", "_alt")),
    pair("BatchNorm2d", "spatial_batchnorm_forward", "spatial_batchnorm_backward", _NORM, ALL, BATCH_NORM,
         shapes="some images", **_RUNNING),
    pair("LayerNorm", "layernorm_forward", "layernorm_backward", ("$x", "$weight", "$bias", {"eps": "@eps"}), ALL,
         LAYER_NORM, shapes="matrix", tells=("ln_param",)),
    pair("GroupNorm", "spatial_groupnorm_forward", "spatial_groupnorm_backward",
         ("$x", "$weight", "$bias", "@num_groups", {"eps": "@eps"}), ALL, GROUP_NORM, shapes="images",
         tells=("gn_param",), layouts={"weight": "C->1C11", "bias": "C->1C11"}),
    _dropout("@1-p", "We keep each neuron output with probability p", "dropout-p-is-keep", other=(_DROPS,)),
    _recurrent("RNNCell", "rnn_step", ("x", "h0"), ("out",), {"bias": True, "nonlinearity": "tanh"}, axes=(2,),
               states=("h0",)),
    _recurrent("RNN", "rnn", ("x", "h0"), ("out",), _ONE_LAYER | {"nonlinearity": "tanh"}, end="_l0", axes=(3,),
               states=("h0",), layouts=_SEQUENCES, absent=("h_n",)),
    _recurrent("LSTMCell", "lstm_step", ("x", "h0", "c0"), ("out", "c_1"), {"bias": True}, _IFOG, axes=(2,),
               states=("h0", "c0"), says=_GATES),
    _recurrent("LSTM", "lstm", ("x", "h0"), ("out",), _ONE_LAYER | {"proj_size": 0}, _IFOG, "_l0", axes=(3,),
               states=("h0", "c0"), layouts=_SEQUENCES, absent=("c0", "dc0", "h_n", "c_n"),
               differences=("cell-state-inside",), says=_GATES),
    pair("Embedding", "word_embedding_forward", "word_embedding_backward", ("$x", "$weight"), ("dweight",),
         {"num_embeddings": ANY, "embedding_dim": ANY}, fixed={"padding_idx": None, "scale_grad_by_freq": False},
         axes=(2,)),
    pair("Linear", "temporal_affine_forward", "temporal_affine_backward", _AFFINE, ALL, LINEAR,
         layouts={"weight": "OI->IO"}, axes=(3,)),
    loss("CrossEntropyLoss", "softmax_loss", CROSS_ENTROPY, conventions=(*FREE, "log-of-zero"),  # 2016's hand-out
         tells=("y", "label", "target")),
    loss("MultiMarginLoss", "svm_loss", MARGIN, differences=("sum-over-classes",)),
    _optimizer("SGD", "sgd", {"learning_rate": "@lr"}, {}),
    _optimizer("SGD", "sgd_momentum", {"learning_rate": "@lr", "momentum": "@momentum"}, {}, fixed=MOMENTUM,
               absent=("momentum_buffer",), differences=("lr-inside-velocity",)),
    _optimizer("RMSprop", "rmsprop", {"learning_rate": "@lr", "decay_rate": "@alpha", "epsilon": "@eps"},
               {"square_avg": "cache"}),
    _optimizer("Adam", "adam", _ADAM, _MOMENTS, other=(_COUNTED,)),
)  # fmt: skip

# What the assignments ask for and no layer of torch.nn is.
_WITH_WEIGHTS = (
    "a loss with its weights and regularisation is no layer of torch.nn, and not judged; softmax_loss(x, y) and "
    "svm_loss(x, y) of layers.py are"
)
_NETWORK = "a network as a whole is no layer of torch.nn, and not judged; the functions of layers.py are"
NO_LAYERS = {
    **{f"{loss}_loss_{way}": _WITH_WEIGHTS for loss in ("svm", "softmax") for way in ("naive", "vectorized")},
    **dict.fromkeys(("TwoLayerNet", "FullyConnectedNet", "ThreeLayerConvNet", "CaptioningRNN"), _NETWORK),
}
