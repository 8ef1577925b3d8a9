"""Which of torch.nn's classes are there: those that courses and models need first; some are out, for a reason.

A test holds these names against the installed torch: a class of torch.nn that stands nowhere here is found.
"""

from __future__ import annotations

import scratchnet.nn

# What the listed courses and models need.
MUST = """
    Module Sequential ModuleList Linear Identity Flatten Conv1d Conv2d ConvTranspose1d ConvTranspose2d MaxPool1d
    MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool2d ZeroPad2d BatchNorm1d BatchNorm2d LayerNorm GroupNorm
    LocalResponseNorm Dropout Dropout2d ReLU LeakyReLU ELU GELU SiLU Sigmoid Tanh Softplus Softmax LogSoftmax
    MultiheadAttention MSELoss L1Loss SmoothL1Loss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss
    MultiMarginLoss KLDivLoss CTCLoss RNN GRU LSTM RNNCell GRUCell LSTMCell Embedding
""".split()

# What makes the library whole.
SHOULD = """
    ModuleDict Bilinear Unflatten Conv3d ConvTranspose3d Unfold Fold MaxPool3d AvgPool3d AdaptiveAvgPool1d
    AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d
    LPPool1d LPPool2d LPPool3d ZeroPad1d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d
    ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d CircularPad2d
    CircularPad3d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d RMSNorm Dropout1d Dropout3d AlphaDropout
    FeatureAlphaDropout CELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LogSigmoid Mish PReLU RReLU ReLU6 SELU
    Softmax2d Softmin Softshrink Softsign Tanhshrink Threshold HuberLoss GaussianNLLLoss PoissonNLLLoss
    CosineEmbeddingLoss HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss
    SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss Upsample UpsamplingNearest2d UpsamplingBilinear2d
    PixelShuffle PixelUnshuffle ChannelShuffle CosineSimilarity PairwiseDistance Transformer TransformerEncoder
    TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer
""".split()

_LAZY = """
    LazyLinear LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d
    LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d
""".split()

# What is left out, and why.
OUT = {
    **dict.fromkeys(_LAZY, "sizes are given, not guessed from the first input"),
    **dict.fromkeys(("Container", "NLLLoss2d"), "deprecated in torch"),
    **dict.fromkeys(("ParameterList", "ParameterDict"), "parameters are attributes of their layer"),
    **dict.fromkeys(("RNNBase", "RNNCellBase"), "abstract bases"),
    **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d"), "random windows, in no course"),
    **dict.fromkeys(("SyncBatchNorm", "DataParallel"), "for several devices"),
    "CrossMapLRN2d": "LocalResponseNorm under another name",
    "EmbeddingBag": "sparse sums, in no course",
    "AdaptiveLogSoftmaxWithLoss": "in no course",
    "LinearCrossEntropyLoss": "Linear and CrossEntropyLoss in one, new in torch",
}


def covered() -> list[str]:
    """The classes in scope that scratchnet.nn has."""
    return [name for name in (*MUST, *SHOULD) if hasattr(scratchnet.nn, name)]


def missing() -> list[str]:
    """The classes in scope that it has not, those that courses need first."""
    return [name for name in (*MUST, *SHOULD) if not hasattr(scratchnet.nn, name)]


def markdown() -> str:
    """The table of the README: python -m oracle.layers.scope"""
    from oracle.layers import FAMILIES, FAMILY

    lines = ["| family | layers |", "| --- | --- |"]
    for family in FAMILIES:
        lines.append(f"| {family} | {' '.join(name for name, own in FAMILY.items() if own == family)} |")
    rest = f"; not yet there: {', '.join(missing())}" if missing() else ""
    lines += ["", f"{len(covered())} of the {len(MUST) + len(SHOULD)} classes of torch.nn in scope{rest}."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
