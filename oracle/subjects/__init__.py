"""The implementation under test: what it is given (Call) and what it gives back (Answer). NumPy only.

A subject never sees a case id, an expected value or a bound; it gets settings and arrays and returns raw arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Call:
    """One forward and backward of one layer.

    settings    every constructor argument by torch's name, defaults filled in; tuples where one is given per axis
    inputs      by name in forward's order: "x", for losses also "target"
    parameters  by torch's names and in torch's layout: "weight", "bias"; absent ones are not in it
    buffers     state before the step: "running_mean", ...
    upstream    the gradient of each output: "dout"
    training    False in evaluation mode
    half        "float16" or "bfloat16" where the subject is to compute in it: its values, in arrays of float32
    """

    spec: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, np.ndarray]
    parameters: Mapping[str, np.ndarray]
    buffers: Mapping[str, np.ndarray]
    upstream: Mapping[str, np.ndarray]
    training: bool = True
    half: str | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by name, in a fixed order."""
        return {**self.inputs, **self.parameters, **self.buffers, **self.upstream}

    def constructor(self) -> dict[str, Any]:
        """The settings with their arrays: one that is True and has a buffer of its name (class weights) is that one."""
        return {
            name: self.buffers[name] if value is True and name in self.buffers else value
            for name, value in self.settings.items()
        }

    def copy(self) -> Call:
        """The same call on copies that keep each array's memory layout (strides, zero strides)."""

        def copies(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: copy_with_strides(array) for name, array in arrays.items()}

        return Call(
            self.spec,
            self.settings,
            copies(self.inputs),
            copies(self.parameters),
            copies(self.buffers),
            copies(self.upstream),
            self.training,
            self.half,
        )


def flat(structure: Any) -> tuple:
    """The entries of tuples in tuples, in order: (out, (h_n, c_n)) -> out, h_n, c_n."""
    if not isinstance(structure, tuple):
        return (structure,)
    return tuple(entry for part in structure for entry in flat(part))


def nested(structure: Any, values: Iterator[Any]) -> Any:
    """`values` in tuples as `structure` has them, None where it has None: the upstream gradients of its outputs."""
    if isinstance(structure, tuple):
        return tuple(nested(part, values) for part in structure)
    return None if structure is None else next(values)


def copy_with_strides(array: np.ndarray) -> np.ndarray:
    """A copy that can be written to, laid out as the original: strided where it was, contiguous where it was."""
    array = np.asarray(array)  # one number alone may have come as a NumPy scalar
    if array.flags.c_contiguous or array.base is None:
        return array.copy(order="K")
    if 0 in array.strides:  # expanded: one value in memory stands for many elements; stays read-only, as in NumPy
        once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)
        return np.broadcast_to(array[once].copy(), array.shape)
    steps = tuple(slice(None, None, -1) if stride < 0 else slice(None) for stride in array.strides)
    return array[steps].copy(order="K")[steps]


_ENDLESS = ("timeout", "output", "disk")  # it went on until it was stopped
_STOPPED = (*_ENDLESS, "ended", "memory", "protocol", "unjudged")  # its process is gone
MOST_ENDLESS = 2  # runs of a layer that had to be stopped; nobody waits for a third

_SAID = {
    "timeout": "gave no answer",
    "ended": "ended the program",
    "memory": "needed too much memory",
    "output": "printed without end",
    "disk": "filled its folder",
    "protocol": "wrote to the grader's channel",
}


@dataclass(frozen=True)
class Failure:
    """An exception of the subject, or the end of its process."""

    kind: str  # the exception's type, or "timeout", "memory", "ended", "protocol"
    message: str
    where: str = ""  # "layers.py, line 12"
    source: str = ""  # that line

    @property
    def endless(self) -> bool:
        return self.kind in _ENDLESS

    @property
    def stopped(self) -> bool:
        return self.kind in _STOPPED

    def __str__(self) -> str:
        """ "raised ValueError: ... (layers.py, line 12: `dx = ...`)" """
        source = f": `{self.source.strip()}`" if self.source else ""
        where = f" ({self.where}{source})" if self.where else ""
        message = f": {self.message}" if self.message else ""
        return f"{_SAID.get(self.kind, 'raised ' + self.kind)}{message}{where}"


@dataclass
class Answer:
    """What came back: `tensors` by name ("out", "dx", "dweight", buffers after the step by their own name), a Failure
    for "forward" or "backward" where it raised, the names of arguments that were changed, and what was converted on
    the way ("out is a list, taken as an array")."""

    tensors: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    modified: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Subject(ABC):
    """Anything that can be judged as one layer.

    spec         the layer it claims to be: "Conv2d"
    implements   what it is, for the reader: "conv_forward_naive, conv_backward_naive"
    conventions  ids of differences from torch that its course leaves open: never wrong
    fixed        setting -> the value that is written in its code: cases are made with it
    untaken      why it takes no setting at all, where that is known
    notes        (id, text) of what its course prescribes and torch does otherwise
    says         mistake -> (hint, fix) in the words of its course, where torch's would lead astray
    """

    spec: str
    implements: str
    conventions: tuple[str, ...] = ()
    untaken: str = ""
    fixed: Mapping[str, Any] = MappingProxyType({})
    notes: Sequence[tuple[str, str]] = ()
    says: Mapping[str, tuple[str, str]] = MappingProxyType({})

    @abstractmethod
    def takes(
        self, settings: Mapping[str, Any], training: bool, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> bool:
        """Whether it offers these settings at all (a convention without dilation cannot be judged on it). `shapes` are
        the inputs': some courses promise their students sizes that the stride divides."""

    @abstractmethod
    def run(self, call: Call) -> Answer:
        """Forward and backward on a fresh object. Never raises for a fault of the code under test."""

    def lacks(self, call: Call, tensor: str) -> bool:
        """Whether its course has no such tensor: then nothing is missing."""
        return False


def changed(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The names of the arrays whose bits changed."""
    return tuple(
        name
        for name, array in before.items()
        if array.shape != after[name].shape or array.tobytes() != after[name].tobytes()
    )
