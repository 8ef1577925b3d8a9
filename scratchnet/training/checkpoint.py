"""Checkpoints: everything that training needs to go on as if it had never stopped, in one .npz file.

    net              parameters and buffers
    optimizer        its state and settings, the learning rate in force among them
    scheduler        where it stands
    early_stopping   the best so far, and its weights
    generators       the state of each random generator that the network (dropout) or the mini-batches (their order,
                     augmentation) hold
    history          what training went through

A checkpoint is written at the end of an epoch, under another name first: whatever stops the program, the file under
its own name is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.nn.module import Parameter
from scratchnet.serialization import load, save
from scratchnet.training.history import History


class Checkpoint:
    """The file at `path`, and what is kept in it: parts by name, each with state_dict() and load_state_dict().

    A part that is None does not belong to this training. `random` are the objects that hold random generators.
    """

    def __init__(self, path: str | Path, parts: Mapping[str, Any], random: Mapping[str, Any]):
        self.path = Path(path)
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.generators = dict(_generators(random, "", set()))

    def save(self, history: History) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        states = {name: generator.bit_generator.state for name, generator in self.generators.items()}
        save({**state, "generators": states, "history": asdict(history)}, self.path)

    def load(self) -> History:
        """Put everything back; returns the history so far.

        Raises ValueError for a file of another training: with other parts, or another network or optimizer.
        """
        state = load(self.path)
        for what, given, own in (
            ("", set(state) - {"generators", "history"}, set(self.parts)),
            ("generators: ", set(state.get("generators", ())), set(self.generators)),
        ):
            if given != own:
                raise ValueError(
                    f"{self.path} is the checkpoint of another training: it has {what}{', '.join(sorted(given))}, "
                    f"expected is {what}{', '.join(sorted(own))}; give fit what it was given then, or another file"
                )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        for name, generator in self.generators.items():
            generator.bit_generator.state = state["generators"][name]
        return History(**state["history"])


def _generators(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, np.random.Generator]]:
    """(place, generator) of each random generator inside of `value`: in its attributes, their attributes, and so on.

    One that is found in several places comes once, so that it is put back once.
    """
    if isinstance(value, np.ndarray | Parameter | str | type) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.random.Generator):
        yield name, value
        return
    inside: dict[Any, Any] = {}
    if isinstance(value, Mapping):
        inside = dict(value)
    elif isinstance(value, list | tuple):
        inside = dict(enumerate(value))
    elif hasattr(value, "__dict__"):
        inside = {key: entry for key, entry in vars(value).items() if key != "_kept"}
    for key, entry in inside.items():
        yield from _generators(entry, f"{name}.{key}" if name else str(key), seen)
