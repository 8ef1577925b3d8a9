"""How people name what torch names otherwise: classes, arguments, attributes. Data, and one way to compare."""

from __future__ import annotations

import re

CLASSES: dict[str, tuple[str, ...]] = {
    "Conv1d": ("conv1d", "convolution1d"),
    "Conv2d": ("conv2d", "conv", "conv3x3", "convolution", "convolution2d", "convolutional", "convolutional2d"),
    "Conv3d": ("conv3d", "convolution3d"),
    "Linear": ("linear", "dense", "fullyconnected", "fc", "affine", "fullyconnect"),
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
}  # fmt: skip

_AROUND = re.compile(r"^(my|np|numpy|naive|simple|custom|scratch)+(?=.)|(?<=.)(layer|module|scratch|numpy|naive|np)+$")

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
          "ratio", "pdrop"),
    "num_features": ("numfeatures", "nfeatures", "dim", "features", "size", "channels", "numchannels", "nchannels",
                     "inputdim", "inputsize", "d", "c"),
    "normalized_shape": ("normalizedshape", "dim", "features", "size", "d", "inputdim", "numfeatures", "nfeatures"),
    "eps": ("eps", "epsilon"),
    "momentum": ("momentum",),
    "negative_slope": ("negativeslope", "alpha", "slope", "leak"),
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

# Methods, without spelling habits: __call__ is "call".
FORWARD = ("forward", "call", "forwardprop", "forwardpass", "fprop", "forwardpropagation", "feedforward", "compute",
           "fn", "activate")  # fmt: skip
DERIVATIVES = ("gradient", "grad", "derivative", "deriv", "prime", "gradients")  # may be f'(x), still without dout
BACKWARD = ("backward", "backprop", "backwardprop", "backwardpass", "bprop", "back", "backwardpropagation",
            "backpropagation", "backpropagate", *DERIVATIVES)  # fmt: skip


def plain(name: str) -> str:
    """Letters and digits in lower case: what is left when spelling habits are taken away."""
    return re.sub(r"[\W_]", "", name.lower())


def spec_of(class_name: str) -> str | None:
    """The layer that a class of this name claims to be."""
    name = plain(class_name)
    for candidate in (name, _AROUND.sub("", name)):
        for spec, names in CLASSES.items():
            if candidate in names:
                return spec
    return None


def argument_of(name: str, settings: tuple[str, ...]) -> str | None:
    """The setting that an argument stands for: "stride", "kernel_size[0]"."""
    for setting, names in ARGUMENTS.items():
        if setting.partition("[")[0] in settings and plain(name) in names:
            return setting
    return None


def role_of(argument: str) -> str | None:
    return next((role for role, names in ROLES.items() if plain(argument) in names), None)


def parameter_of(path: str) -> str | None:
    """The tensor that stands at a path of an object: "W", "params[W]", "weight.data"."""
    name = re.sub(r"^(params|parameters|param)(?=.)|(?<=.)(data|value|val)$", "", plain(path))
    return next((tensor for tensor, names in PARAMETERS.items() if name in names), None)


def gradient_of(path: str) -> str | None:
    """The tensor whose gradient stands at a path: "dW", "grads[W]", "weight.grad", "dLdW", "params[dW]"."""
    name = re.sub(r"^(params|parameters|param|cache)(?=.)", "", plain(path))
    for before, after in _GRADIENT:
        bare = name[len(before) : len(name) - len(after)]
        if name == f"{before}{bare}{after}":
            for tensor, names in PARAMETERS.items():
                if bare in names:
                    return tensor
    return None
