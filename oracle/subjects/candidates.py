"""What the names in a class leave open: every layout of images, weights and labels that the shapes allow, and what a
`gradient(x)` may mean, each as a binding that can be tried, the plainest first. A kernel is never taken for a rotated
one: rotating it is a mistake that people make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from oracle.layers import FAMILY
from oracle.layers.spec import LayerSpec
from oracle.subjects import Call
from oracle.subjects.binding import ANY, Binding
from oracle.subjects.mapping import Map
from oracle.subjects.names import DERIVATIVES, plain, role_of
from oracle.subjects.places import ways_to_set
from oracle.subjects.plan import Step

IMAGES = {"NCHW": "", "NHWC": "NCHW->NHWC"}  # the layouts of four axes that are tried
ONE_IMAGE = {"HWC": "NCHW->HWC", "CHW": "NCHW->CHW", "HW": "NCHW->HW"}
ONE_COLUMN = "NI->I1"
COLUMNS = {"NI->IN": "matrix", ONE_COLUMN: "one row"}  # samples as columns, and one sample at a time
_OF_IMAGES = ("conv", "pooling", "padding", "normalization", "dropout", "shape", "upsampling", "softmax")
LABELS = ("", "N->NC", "N->N1")
EPS = (1e-5, 1e-8, 1e-6, 1e-7, 1e-3, 1e-2, 1e-4, 1e-10, 1e-12)


def images(binding: Binding, call: Call, told: Map) -> list[str]:
    """The layouts of the images that are tried, the plainest first."""
    if told.x:
        return [IMAGES.get(told.x) or ONE_IMAGE.get(told.x, "")]
    if binding.spec == "Linear":
        return ["", *({} if binding.plan.warm else COLUMNS)]
    tensors = (call.inputs.get("x"), call.upstream.get("dout"))
    if any(array is None or array.ndim != 4 for array in tensors) or FAMILY[binding.spec] not in _OF_IMAGES:
        return [""]
    return [*(["NCHW->HW"] if binding.fixed.get("x[1]") == 1 else []), *IMAGES.values()]


def candidates(spec: LayerSpec, binding: Binding, call: Call, made: Mapping[str, Any], image: str,
                told: Map) -> Iterator[Binding]:  # fmt: skip
    """Every layout of weights and labels that the shapes allow, the plainest first."""
    weights = ways_to_set(binding, call, made, told)
    labels = LABELS if spec.name in ("CrossEntropyLoss", "NLLLoss") else ("",)
    epsilons: tuple[float | None, ...] = EPS if binding.accepts.get("eps") not in (None, ANY) else (None,)
    # without a word of it, the sum over a batch divided by its size is the usual one, and torch's default is another
    reductions = (
        ("mean", "batchmean") if binding.accepts.get("reduction") == "mean" and spec.name == "KLDivLoss" else ("",)
    )
    for (places, layouts, accepts), label, eps, reduction in product(weights, labels, epsilons, reductions):
        more = {"out": "NCHW->HWC" if image == "NCHW->HW" else image, "x": image, "target": label}
        written: dict[str, Any] = {} if eps is None else {"eps": eps}
        if reduction:
            written["reduction"] = reduction
        if accepts.get("bias") is False:
            written["bias"] = False
        more |= {"out": image.replace("I", "O")} if image in COLUMNS else {}
        one = "one grey image" if image == "NCHW->HW" else "one image" if image in ONE_IMAGE.values() else ""
        promise = COLUMNS.get(image, one)
        yield replace(
            binding,
            plan=replace(
                binding.plan,
                set=places,
                state=tuple({"weight", "bias", "running_mean", "running_var", *call.parameters}),
            ),
            layouts=layouts | {name: layout for name, layout in more.items() if layout},
            accepts=accepts,
            shapes=promise,
            fixed={**binding.fixed, **written, **({"x[0]": 1} if image == ONE_COLUMN else {})},
            sums=_sums(call, places),
            differences=(*binding.differences, *(("eps-fixed",) if eps not in (None, 1e-5) else ())),
        )


def _sums(call: Call, places: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The one bias of a recurrent layer, which is the sum of torch's two."""
    two = tuple(name for name in call.parameters if name.startswith(("bias_ih", "bias_hh")))
    return {"bias": two} if two and "$bias" in places.values() else {}


def without_dilation(binding: Binding) -> Binding:
    """Not asked to dilate: some count the zeros that are put between, so that their 0 is torch's 1."""
    make = binding.plan.make
    assert make is not None
    kwargs = {name: value for name, value in make.kwargs.items() if value != "@dilation"}
    accepts = {**binding.accepts, "dilation": 1}
    return replace(binding, plan=replace(binding.plan, make=replace(make, kwargs=kwargs)), accepts=accepts)


def as_derivative(spec: LayerSpec, binding: Binding) -> list[Binding]:
    """An activation's `gradient(x)` may be f'(x), of x or of its output, which is multiplied by dout here."""
    step = binding.plan.backward
    if step is None or len(step.kwargs) != 1 or "target" in spec.inputs:
        return [binding]
    argument, value = next(iter(step.kwargs.items()))
    named = plain(step.function) in DERIVATIVES
    if value != "$dout" or not (named or role_of(argument) == "$x"):
        return [binding]

    def of(role: str) -> Binding:
        plan = replace(binding.plan, backward=Step(step.function, (), {argument: role}, ("dx",)))
        return replace(binding, plan=plan, scaled=() if role == "$dout" else ("dx",))

    derivative_first = named and role_of(argument) == "$x"
    return [of(role) for role in (("$x", "$out", "$dout") if derivative_first else ("$dout", "$x", "$out"))]
