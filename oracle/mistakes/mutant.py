"""A layer with one mistake, as a subject: the family's kernels, one of them edited. For tests and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oracle.mistakes import by_layer
from oracle.mistakes.kernel import Edits
from oracle.subjects import Answer, Call, Failure, Subject


class Mutant(Subject):
    """The kernels of `layer`, with `edits` in that of `tensor`. Tensors without a kernel are missing."""

    def __init__(self, layer: str, tensor: str, edits: Edits):
        self.spec, self.implements = layer, f"{layer} with a mistake in {tensor}"
        self._family, self._tensor, self._edits = by_layer()[layer], tensor, edits

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        return True

    def run(self, call: Call) -> Answer:
        answer = Answer()
        outputs = {name.removeprefix("d") for name in call.upstream}
        asked = {*outputs, *(f"d{name}" for name in (*call.inputs, *call.parameters)), *call.buffers}
        for name in self._family.kernels:
            if name not in asked:
                continue
            value = self._family.compute(name, self._edits if name == self._tensor else (), call)
            if value is None:
                phase = "forward" if name in outputs else "backward"
                answer.failures[phase] = Failure("ValueError", "the mistake raises")
            else:
                dtype = next(iter(call.inputs.values())).dtype
                answer.tensors[name] = value.astype(dtype if dtype.kind == "f" else np.float64)
        return answer
