"""Checkpoints: everything that training needs to go on as if it had never stopped, in one .npz file.

    net              parameters and buffers
    optimizer        its state and settings, the learning rate in force among them
    scheduler        where it stands
    early_stopping   the best so far, and its weights
    batches          the order of the epoch under way, and how far it has come
    generators       the state of each random generator that the network (dropout) or the mini-batches (their order,
                     augmentation) hold
    running          the sums of the epoch under way
    history          what training went through
    kinds            the class of each part

A checkpoint is written between two updates, under another name first: whatever stops the program, the file under its
own name is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from scratchnet.nn.module import Parameter
from scratchnet.serialization import load, save
from scratchnet.training.history import History, Running

OWN = {"kinds", "generators", "running", "history"}  # what is no part that is given


class Checkpoint:
    """The file at `path`, and what is kept in it: parts by name, each with state_dict() and load_state_dict().

    A part that is None does not belong to this training. `random` are the objects that hold random generators.
    """

    def __init__(self, path: str | Path, parts: Mapping[str, Any], random: Mapping[str, Any]):
        self.path = Path(path)
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.kinds = {name: type(part).__name__ for name, part in self.parts.items()}
        self.generators = dict(_generators(random, "", set()))

    def save(self, history: History, running: Running) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        states = {name: generator.bit_generator.state for name, generator in self.generators.items()}
        own = {"kinds": self.kinds, "generators": states, "running": asdict(running), "history": asdict(history)}
        save({**state, **own}, self.path)

    def load(self) -> tuple[History, Running]:
        """Put everything back; returns the history so far and the epoch under way.

        Raises ValueError for another file, and for one of another training: with other parts, or another network or
        optimizer.
        """
        state = load(self.path)
        if not isinstance(state, Mapping) or not set(state) >= OWN:
            raise ValueError(f"{self.path} is no checkpoint, but another .npz file; give the checkpoint= of a training")
        given, own = _inventory(state["kinds"], state["generators"]), _inventory(self.kinds, self.generators)
        if given != own:
            names = (", ".join(sorted(only)) or "nothing else" for only in (given - own, own - given))
            self._refuse("it has {}, this one {}".format(*names))
        for name, part in self.parts.items():
            try:
                part.load_state_dict(state[name])
            except ValueError as error:
                self._refuse(f"{name}: {error}")
        for name, generator in self.generators.items():
            generator.bit_generator.state = state["generators"][name]
        return History(**state["history"]), Running(**state["running"])

    def _refuse(self, why: str) -> NoReturn:
        raise ValueError(
            f"{self.path} is the checkpoint of another training: {why}; "
            "give fit what it was given then, or another file"
        ) from None


def _inventory(kinds: Mapping[str, str], generators: Mapping[str, Any]) -> set[str]:
    return {f"{name} {kind}" for name, kind in kinds.items()} | {f"random generator {name}" for name in generators}


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
