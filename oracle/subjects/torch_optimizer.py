"""A torch.optim.Optimizer of the user's own as a subject: it makes the steps of a case on one parameter, in this
process. Of its state the entries that have torch's names, or were given, are judged; the weight shows the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from oracle.subjects import Answer, Call
from oracle.subjects.attempt import attempt
from oracle.subjects.torch_module import TorchModule


class TorchOptimizer(TorchModule):
    """`factory` makes the optimizer from a list of parameters and torch's arguments; args and params as for a module,
    params for the entries of its state ({"exp_avg": "m"})."""

    def _torchs_defaults(self) -> Mapping[str, Any]:
        return self._layer.defaults

    def run(self, call: Call) -> Answer:
        self._absent = set()

        def steps(given: Call) -> dict[str, Any]:
            parameter = torch.nn.Parameter(torch.from_numpy(given.buffers["weight"].copy()))
            optimizer: torch.optim.Optimizer = self._factory([parameter], **self._settings(given))
            for gradient in torch.from_numpy(np.ascontiguousarray(given.inputs["g"]).copy()):
                parameter.grad = gradient.clone()
                optimizer.step()
            state = optimizer.state.get(parameter, {})
            after = {name: state.get(self._params.get(name, name)) for name in given.buffers}
            after["weight"] = parameter.detach()
            self._absent = {name for name, value in after.items() if value is None}
            return {
                name: value.detach().numpy() if isinstance(value, torch.Tensor) else value
                for name, value in after.items()
            }

        return attempt(call, steps, None)
