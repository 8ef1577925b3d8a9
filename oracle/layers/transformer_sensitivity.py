"""How the errors of one part of a transformer reach everything that is computed after it: exact first derivatives.

The transformer is a chain of steps, forward and then backward. Each is written here once, in torch and in float64, with
a perturbation d_i = 0 added to what it gives. Then d(result)/d(d_i) says how an error made in step i arrives in a
result: with all signs, so that what cancels on the way does, where a bound of absolute values multiplies from step to
step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Step:
    """norm(x + part(x)), or x + part(norm(x)); `part` "self_attn", "multihead_attn" (which reads memory too),
    "feed_forward", or "" for a norm alone. `at` is where in the names its parameters stand, `mask` names its masks."""

    part: str
    at: str
    norm: str
    mask: str = ""

    def owns(self, name: str) -> bool:
        parts = ("linear1", "linear2") if self.part == "feed_forward" else (self.part,)
        return name.startswith(tuple(f"{self.at}{part}." for part in (*parts, self.norm) if part))


@dataclass(frozen=True)
class Plan:
    """The steps from src to memory and from tgt to the output (none where there is no encoder, or no decoder), and
    what is added to the scores, (N, 1, L, S), by name: -inf hides a key."""

    encoder: tuple[Step, ...]
    decoder: tuple[Step, ...]
    settings: Mapping[str, Any]
    masks: Mapping[str, Array | None]


class Chain:
    """The plan carried out. Arrays are (steps, batch, features); `inputs` are src and tgt, or memory in place of src.

    states     what each step reads, and the last one gives, in the order of the steps
    upstream   the gradient of what each step gives
    """

    def __init__(self, plan: Plan, inputs: Mapping[str, Array], parameters: Mapping[str, Array], dout: Array):
        import torch

        self.torch, self.plan = torch, plan
        self.w = {
            name: torch.tensor(array, dtype=torch.float64, requires_grad=True) for name, array in parameters.items()
        }
        self.steps = (*plan.encoder, *plan.decoder)
        self.made: dict[
            tuple[str, int], Any
        ] = {}  # the perturbations: ("x", 2) of what step 2 gives, ("d", 2), ("m", 2)
        self.read: list[Any] = []
        self.derivatives: dict[tuple, Array] = {}
        self.results: dict[str, Any] = {}
        given = {name: torch.tensor(array, dtype=torch.float64) for name, array in inputs.items()}
        self._forward(given)
        self._backward(torch.tensor(dout, dtype=torch.float64))

    # ---- the chain

    def _forward(self, given: Mapping[str, Any]) -> None:
        self.given, self.memory, x = given, given.get("memory"), given.get("src")
        self.raw: list[Any] = []  # what each step gives, without its perturbation
        self.looked: dict[int, Any] = {}  # the memory that a step reads
        for number, step in enumerate(self.steps):
            if number == len(self.plan.encoder):
                self.memory = x if self.plan.encoder else self.memory
                x = given["tgt"]
            x = self._apart(x)
            self.read.append(x)
            if step.part == "multihead_attn":
                self.looked[number] = self._apart(self.memory)
            self.raw.append(self._step(step, x, self.looked.get(number)))
            x = self._perturbed("x", number, self.raw[-1])
        self.results["out"] = x

    def _backward(self, d: Any) -> None:
        self.upstream: list[Any] = [None] * len(self.steps)
        dmemory: Any = 0
        for number in reversed(range(len(self.steps))):
            if number == len(self.plan.encoder) - 1 and self.plan.decoder:
                self.results["dtgt"], d = d, dmemory
            self.upstream[number] = d
            names = [name for name in self.w if self.steps[number].owns(name)]
            operands = [self.read[number], *([self.looked[number]] if number in self.looked else [])]
            d, *rest = self.torch.autograd.grad(
                self.raw[number], [*operands, *(self.w[name] for name in names)], d, create_graph=True
            )
            d = self._perturbed("d", number, d)
            if number in self.looked:
                of_step, *rest = rest
                dmemory = dmemory + self._perturbed("m", number, of_step)
            self.results |= {f"d{name}": gradient for name, gradient in zip(names, rest)}
        self.results["dsrc" if self.plan.encoder else "dtgt"] = d
        if not self.plan.encoder:
            self.results["dmemory"] = dmemory

    def _apart(self, x: Any) -> Any:
        """The same numbers, read by one step alone, so that their gradient is what comes from there."""
        x = x.clone()
        return x if x.requires_grad else x.requires_grad_()

    def _perturbed(self, kind: str, number: int, value: Any) -> Any:
        self.made[kind, number] = self.torch.zeros_like(value, requires_grad=True)
        return value + self.made[kind, number]

    # ---- one step

    def _step(self, step: Step, x: Any, memory: Any) -> Any:
        if not step.part:
            return self._norm(step, x)
        if self.plan.settings["norm_first"]:
            return x + self._part(step, self._norm(step, x), memory)
        return self._norm(step, x + self._part(step, x, memory))

    def _part(self, step: Step, x: Any, memory: Any) -> Any:
        F = self.torch.nn.functional
        if step.part == "feed_forward":
            hidden = self._linear(f"{step.at}linear1", x)
            return self._linear(
                f"{step.at}linear2", F.gelu(hidden) if self.plan.settings["activation"] == "gelu" else F.relu(hidden)
            )
        return self._attention(step, x, x if memory is None else memory)

    def _attention(self, step: Step, x: Any, y: Any) -> Any:
        torch, name, heads = self.torch, f"{step.at}{step.part}", self.plan.settings["nhead"]
        weights = self.w[f"{name}.in_proj_weight"].chunk(3)
        bias = self.w.get(f"{name}.in_proj_bias")
        biases = [None] * 3 if bias is None else bias.chunk(3)
        q, k, v = (
            torch.nn.functional.linear(z, w, b).reshape(*z.shape[:2], heads, -1).permute(1, 2, 0, 3)
            for z, w, b in zip((x, y, y), weights, biases)
        )
        scores = q @ k.transpose(-1, -2) / sqrt(q.shape[-1])
        mask = self.plan.masks[step.mask]
        if mask is not None:
            hidden = torch.tensor(mask == -np.inf)
            scores = scores.masked_fill(hidden & ~hidden.all(-1, keepdim=True), -torch.inf)
            p = torch.softmax(scores, -1) * ~hidden.all(-1, keepdim=True)
        else:
            p = torch.softmax(scores, -1)
        return self._linear(f"{name}.out_proj", (p @ v).permute(2, 0, 1, 3).reshape(x.shape))

    def _linear(self, name: str, x: Any) -> Any:
        return self.torch.nn.functional.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def _norm(self, step: Step, x: Any) -> Any:
        name = f"{step.at}{step.norm}"
        centred = x - x.mean(-1, keepdim=True)
        xhat = centred / ((centred * centred).mean(-1, keepdim=True) + self.plan.settings["layer_norm_eps"]).sqrt()
        out = xhat * self.w[f"{name}.weight"]
        return out + self.w[f"{name}.bias"] if f"{name}.bias" in self.w else out

    # ---- what comes of it

    def value(self, tensor: Any) -> Array:
        return tensor.detach().numpy()

    def carried(self, tensors: Mapping[str, Any], errors: Mapping[tuple[str, int], Array]) -> dict[str, Array]:
        """For each element of the tensors the sum of |its derivative by a perturbation| * that one's error."""
        names, sites = tuple(tensors), tuple(errors)
        if (names, sites) not in self.derivatives:
            self.derivatives[names, sites] = self._derivatives(list(tensors.values()), sites)
        every = np.concatenate([np.ravel(errors[site]) for site in sites])
        total = self.derivatives[names, sites] @ every
        ends = np.cumsum([tensor.numel() for tensor in tensors.values()])[:-1]
        return {name: part.reshape(tuple(tensors[name].shape)) for name, part in zip(names, np.split(total, ends))}

    def _derivatives(self, tensors: list[Any], sites: tuple[tuple[str, int], ...]) -> Array:
        """(elements of the tensors, elements of the perturbations), absolute"""
        torch, made = self.torch, [self.made[site] for site in sites]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        found = torch.autograd.grad(
            flat, made, torch.eye(len(flat), dtype=torch.float64), retain_graph=True, is_grads_batched=True,
            allow_unused=True,
        )  # fmt: skip
        columns = [
            torch.zeros(len(flat), site.numel(), dtype=torch.float64) if one is None else one.reshape(len(flat), -1)
            for site, one in zip(made, found)
        ]
        return torch.cat(columns, 1).abs().numpy()
