"""How people name what torch names otherwise: classes, arguments, attributes. Data, and one way to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oracle.layers import FAMILY, SPECS

# Beside torch's own names.
CLASSES: dict[str, tuple[str, ...]] = {
    "Conv1d": ("conv1d", "convolution1d"),
    "Conv2d": ("conv2d", "conv", "conv3x3", "convolution", "convolution2d", "convolutional", "convolutional2d"),
    "Conv3d": ("conv3d", "convolution3d"),
    "Linear": ("linear", "dense", "fullyconnected", "fc", "affine", "fullyconnect", "matmul"),
    "MaxPool2d": ("maxpool2d", "maxpool", "maxpooling", "maxpooling2d", "pooling", "pool", "pool2d", "pooling2d"),
    "AvgPool2d": ("avgpool2d", "avgpool", "averagepool", "averagepooling", "avgpooling", "avgpooling2d",
                  "averagepool2d", "averagepooling2d", "meanpool2d", "meanpool", "meanpooling"),
    "ReLU": ("relu", "rectifiedlinear", "rectifiedlinearunit"),
    "Sigmoid": ("sigmoid", "logistic"),
    "Tanh": ("tanh", "hyperbolictangent"),
    "LeakyReLU": ("leakyrelu",),
    "Flatten": ("flatten", "flattening"),
    "GELU": ("gelu",),
    "ELU": ("elu",),
    "Softmax": ("softmax",),
    "Dropout": ("dropout",),
    "BatchNorm1d": ("batchnorm", "batchnorm1d", "batchnormalization", "batchnormalization1d"),
    "BatchNorm2d": ("batchnorm2d", "batchnormalization2d", "spatialbatchnorm"),
    "LayerNorm": ("layernorm", "layernormalization"),
    "MSELoss": ("mse", "mseloss", "meansquarederror", "meansquarederrorloss", "meansquaredloss"),
    "CrossEntropyLoss": ("crossentropy", "crossentropyloss", "softmaxcrossentropy", "softmaxcrossentropyloss",
                         "softmaxwithcrossentropy", "softmaxwithloss", "softmaxloss", "crossentropywithsoftmax",
                         "categoricalcrossentropy"),
    "BCELoss": ("binarycrossentropy", "binarycrossentropyloss"),
    "BCEWithLogitsLoss": ("binarycrossentropywithlogits", "sigmoidcrossentropy", "sigmoidwithbce"),
    "L1Loss": ("mae", "maeloss", "meanabsoluteerror", "meanabsoluteerrorloss"),
    "NLLLoss": ("negativeloglikelihood", "negativeloglikelihoodloss"),
    "KLDivLoss": ("kldivergence", "kldivergenceloss", "klloss"),
    "TripletMarginLoss": ("triplet", "tripletloss"),
    "SiLU": ("swish",),
    "MultiheadAttention": ("mha", "multiheadselfattention"),
    "RNN": ("vanillarnn", "elmanrnn"),
}  # fmt: skip


_AROUND = re.compile(
    r"^(my|np|numpy|naive|simple|custom|scratch|layer|activation)+(?=.)|"
    r"(?<=.)(layer|module|scratch|numpy|naive|np)+$"
)

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "in_channels": ("inchannels", "inchannel", "inputchannels", "inputchannel", "channelsin", "nin", "cin", "inc",
                    "inch", "numchannels", "nchannels", "channels", "inputdepth", "indepth", "inplanes", "inputdim"),
    "out_channels": ("outchannels", "outchannel", "outputchannels", "outputchannel", "channelsout", "nout", "cout",
                     "outc", "outch", "numfilters", "nfilters", "filters", "numkernels", "nkernels", "outdepth",
                     "outplanes", "numoutput", "outputdim"),
    "in_features": ("infeatures", "infeature", "inputfeatures", "inputsize", "insize", "inputdim", "indim", "nin",
                    "nx", "ninputs", "numinputs", "inputunits", "inputs", "din", "inputneurons", "nfeatures"),
    "out_features": ("outfeatures", "outfeature", "outputfeatures", "outputsize", "outsize", "outputdim", "outdim",
                     "nout", "ny", "noutputs", "numoutputs", "outputunits", "outputs", "dout", "outputneurons",
                     "units", "nneurons"),
    "kernel_size": ("kernelsize", "kernel", "ksize", "filtersize", "fsize", "poolsize", "poolingsize", "windowsize",
                    "size", "pool", "window", "kernelshape", "poolshape"),
    "kernel_size[0]": ("poolh", "poolheight", "kernelheight", "kernelh", "kh", "fh", "filterheight", "filterh", "hh"),
    "kernel_size[1]": ("poolw", "poolwidth", "kernelwidth", "kernelw", "kw", "fw", "filterwidth", "filterw", "ww"),
    "stride": ("stride", "strides", "s"),
    "padding": ("padding", "pad", "p", "paddingsize", "padsize", "padwidth"),
    "dilation": ("dilation", "dilations", "dilationrate"),
    "groups": ("groups", "group", "ngroups", "numgroups"),
    "bias": ("bias", "usebias", "withbias", "hasbias"),
    "p": ("p", "prob", "probability", "rate", "dropoutrate", "dropoutratio", "dropoutprob", "droprate", "dropprob",
          "ratio", "pdrop", "dropout"),
    "num_features": ("numfeatures", "nfeatures", "dim", "features", "size", "channels", "numchannels", "nchannels",
                     "inputdim", "inputsize", "d", "c"),
    "normalized_shape": ("normalizedshape", "dim", "features", "size", "d", "inputdim", "numfeatures", "nfeatures",
                         "dmodel", "ndim", "hiddensize"),
    "eps": ("eps", "epsilon"),
    "momentum": ("momentum",),
    "negative_slope": ("negativeslope", "alpha", "slope", "leak"),
    "num_groups": ("groups", "ngroups", "g"),
    "num_embeddings": ("vocabsize", "vocab", "numwords", "dictsize", "v"),
    "embedding_dim": ("embeddim", "embedsize", "embeddingsize", "dim", "d"),
    "embed_dim": ("dmodel", "embedsize", "embeddingdim", "hiddensize", "dim", "d"),
    "num_heads": ("heads", "nheads", "nhead", "h"),
    "input_size": ("inputdim", "indim", "insize", "nin", "nx", "infeatures", "din", "d"),
    "hidden_size": ("hiddendim", "hiddenunits", "nhidden", "units", "nh", "outputsize", "h"),
    "upscale_factor": ("factor", "scale", "upscale", "r"),
    "downscale_factor": ("factor", "scale", "downscale", "r"),
    "scale_factor": ("scale", "factor", "upscale"),
}  # fmt: skip

# Arguments that a layer can do without while it is judged.
UNUSED = ("optimizer", "activation", "activationfn", "initializer", "init", "rng", "seed", "name", "debug",
          "regularizer", "weightinitfn", "biasinitfn", "weightinit", "initmethod", "scale", "std")  # fmt: skip

PARAMETERS: dict[str, tuple[str, ...]] = {
    "weight": ("w", "weight", "weights", "kernel", "kernels", "filter", "filters", "wmat", "theta", "gamma", "bw", "g",
               "scaler"),
    "bias": ("b", "bias", "biases", "beta", "bb", "intercept"),
    "x": ("x", "input", "inputs"),
    "running_mean": ("runningmean", "runningm", "movingmean", "runmean", "meanrunning"),
    "running_var": ("runningvar", "runningv", "movingvar", "runvar", "varrunning", "runningvariance", "movingvariance"),
}  # fmt: skip

# The inputs of layers that have more than one, and their states.
INPUTS: dict[str, tuple[str, ...]] = {
    "x": ("anchor", "x1", "input1", "a"),
    "x1": ("input1", "a", "u", "left"),
    "x2": ("input2", "b", "v", "right"),
    "positive": ("pos", "p"),
    "negative": ("neg", "n"),
    "var": ("variance", "sigma2"),
    "indices": ("index", "idx", "argmax", "switches"),
    "h0": ("h", "hx", "hprev", "prevh", "hidden", "state", "hiddenstate", "htprev", "hinit"),
    "c0": ("c", "cx", "cprev", "prevc", "cell", "cellstate", "ctprev", "cinit"),
    "query": ("q",),
    "key": ("k",),
    "value": ("v", "val"),
}  # fmt: skip

# The weights of recurrent layers, beside torch's names, with which gates may stand in another order than torch's.
RECURRENT: dict[str, tuple[str, ...]] = {
    "weight_ih": ("wih", "wx", "wxh", "wi", "win", "weightx", "weightsx"),
    "weight_hh": ("whh", "wh", "wrec", "weighth", "weightsh"),
    "bias_ih": ("bih", "bx", "bxh", "bi"),
    "bias_hh": ("bhh", "bh"),
}

# Lists of arrays: the parameters in the constructor's order, and their gradients in the same.
PARAMETER_LISTS = ("params", "parameters", "param", "weights")
GRADIENT_LISTS = ("grads", "grad", "gradients", "gradient", "dparams")

# What stands before or after the name of a tensor where its gradient is meant.
_GRADIENT = (
    *(
        (before, "")
        for before in ("d", "dld", "dl", "delta", "grad", "gradd", "grads", "gradsd", "gradient", "gradients")
    ),
    *(("", after) for after in ("grad", "grads", "gradient", "gradients")),
)

# What a method's arguments stand for; the first one is x, or the upstream gradient, whatever it is called.
ROLES: dict[str, tuple[str, ...]] = {
    "$target": ("y", "t", "target", "targets", "label", "labels", "ytrue", "truth", "groundtruth", "yactual", "actual"),
    "$x": ("x", "input", "inputs", "ypred", "yhat", "pred", "preds", "prediction", "predictions", "logits", "scores",
           "output", "outputs", "z", "a"),
    "$dout": ("dout", "gradoutput", "grad", "dy", "dz", "dldout", "outputgradient", "upstream", "dloss", "delta", "da",
              "gradout", "outgrad", "outputgrad", "outputerror", "upstreamgrad", "upstreamgradient", "gradient",
              "topgrad", "topdiff", "accumgrad", "dvalues", "dldy", "dldz", "dlda"),
    "$cache": ("cache", "ctx", "context", "saved"),
    "$lr": ("lr", "learningrate", "learnrate", "alpha", "eta", "stepsize"),
    "@training": ("training", "train", "istraining", "trainflg", "istrain", "trainmode"),
    "@evaluation": ("eval", "test", "istest"),
}  # fmt: skip
LEARNING_RATE = ROLES["$lr"]

OUT = ("output", "outputs", "out")  # where a forward that returns nothing leaves what it computed

# Methods, without spelling habits: __call__ is "call".
FORWARD = ("forward", "call", "forwardprop", "forwardpass", "fprop", "forwardpropagation", "feedforward", "compute",
           "fn", "activate")  # fmt: skip
DERIVATIVES = ("gradient", "grad", "derivative", "deriv", "prime", "gradients")  # may be f'(x), still without dout
BACKWARD = ("backward", "backprop", "backwardprop", "backwardpass", "bprop", "back", "backwardpropagation",
            "backpropagation", "backpropagate", *DERIVATIVES)  # fmt: skip


def plain(name: str) -> str:
    """Letters and digits in lower case: what is left when spelling habits are taken away."""
    return re.sub(r"[\W_]", "", name.lower())


def _spelt() -> dict[str, str]:
    """plain name -> layer: torch's names, those of the losses without "Loss" too, where nothing else is called so.
    Optimizers are no layers, a class Transformer is someone's network, and L1 may be a penalty."""
    known = {plain(name): name for name in SPECS if FAMILY[name] != "optim" and name != "Transformer"}
    short = {name.removesuffix("loss"): spec for name, spec in known.items() if spec != "L1Loss"}
    listed = {name: spec for spec, names in CLASSES.items() for name in names}
    return short | known | listed


_SPELT = _spelt()


def spec_of(class_name: str) -> str | None:
    """The layer that a class of this name claims to be."""
    name = plain(class_name)
    spec = _SPELT.get(name) or _SPELT.get(_AROUND.sub("", name))
    named_activation = name.startswith("activation") and spec is not None
    return None if named_activation and FAMILY[str(spec)] not in ("activation", "softmax") else spec  # ActivationLinear


def optimizer_of(class_name: str) -> str | None:
    """The optimizer that a class of this name, known to be one, claims to be."""
    known = {plain(name): name for name in SPECS if FAMILY[name] == "optim"}
    name = plain(class_name)
    return known.get(name) or known.get(_AROUND.sub("", name))


def argument_of(name: str, settings: tuple[str, ...]) -> str | None:
    """The setting that an argument stands for: "stride", "kernel_size[0]"; torch's own name before any other."""
    own = next((setting for setting in settings if plain(setting) == plain(name)), None)
    if own is not None:
        return own
    for setting, names in ARGUMENTS.items():
        if setting.partition("[")[0] in settings and plain(name) in names:
            return setting
    return None


def role_of(argument: str) -> str | None:
    return next((role for role, names in ROLES.items() if plain(argument) in names), None)


def parameter_of(path: str, torchs: Iterable[str] = ()) -> str | None:
    """The tensor that stands at a path of an object: "W", "params[W]", "weight.data"; one of `torchs`, the tensors of
    the layer, by torch's own name before any other: "weight_ih_l0", "Wx"."""
    return _tensor(re.sub(r"^(params|parameters|param)(?=.)|(?<=.)(data|value|val)$", "", plain(path)), torchs)


def gradient_of(path: str, torchs: Iterable[str] = ()) -> str | None:
    """The tensor whose gradient stands at a path: "dW", "grads[W]", "weight.grad", "dLdW", "params[dW]"."""
    name = re.sub(r"^(params|parameters|param|cache)(?=.)", "", plain(path))
    for before, after in _GRADIENT:
        bare = name[len(before) : len(name) - len(after)]
        if name == f"{before}{bare}{after}" and (tensor := _tensor(bare, torchs)):
            return tensor
    return None


def _tensor(name: str, torchs: Iterable[str]) -> str | None:
    short = {torchs_name: torchs_name.removesuffix("_l0") for torchs_name in torchs}
    own = {full: (plain(full), plain(base), *RECURRENT.get(base, ())) for full, base in short.items()}
    inputs = {full: INPUTS.get(full, ()) for full in short if full not in PARAMETERS}
    for table in (own, PARAMETERS, inputs):  # "b" is a bias before it is the second input
        if tensor := next((tensor for tensor, names in table.items() if name in names), None):
            return tensor
    return None
