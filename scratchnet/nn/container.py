"""Sequential, ModuleList, ModuleDict: modules that hold modules, under the dotted names of torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from scratchnet.nn.module import Module


def _check_module(owner: object, name: str, module: Any) -> Module:
    if not isinstance(module, Module):
        hint = f"; make one of it: {module.__name__}(...)" if isinstance(module, type) else ""
        raise TypeError(f"{type(owner).__name__}: {name} is {module!r}, a Module expected{hint}")
    return module


class _List(Module):
    """Modules under the names "0", "1", ...: what Sequential and ModuleList share."""

    def __init__(self, modules: Iterable[Module]):
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> Any:
        name = str(len(self))
        setattr(self, name, _check_module(self, f"layer {name}", module))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        for module in modules:
            self.append(module)
        return self

    def _name(self, index: int) -> str:
        names = [name for name, _ in self.children()]
        try:
            return names[index]
        except IndexError:
            raise IndexError(f"{type(self).__name__} of {len(names)} modules has no number {index}") from None

    def __getitem__(self, index: Any) -> Any:
        """The module of this number, counted from the end if negative."""
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, module: Module) -> None:
        name = self._name(index)
        setattr(self, name, _check_module(self, f"layer {name}", module))

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.children())


class Sequential(_List):
    """One layer after the other: out = layer n(... layer 1(layer 0(x))).   torch.nn.Sequential

    Takes the layers in order, or one dict (name: layer). Layers are called "0", "1", ... in parameter names. Gradient:
    the layers' backward in reverse order.   Raises TypeError for what is not a Module.
    """

    def __init__(self, *layers: Any):
        super().__init__([])
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            for name, layer in layers[0].items():
                setattr(self, name, _check_module(self, f"layer {name!r}", layer))
        else:
            self.extend(layers)

    def __getitem__(self, index: Any) -> Any:
        """One layer, or for a slice a Sequential of the same layers under their names."""
        if isinstance(index, slice):
            return Sequential(dict(list(self.children())[index]))
        return super().__getitem__(index)

    def forward(self, x: np.ndarray) -> Any:
        for layer in self:
            x = layer(x)
        return x

    def backward(self, dout: np.ndarray) -> Any:
        for layer in reversed(list(self)):
            dout = layer.backward(dout)
        return dout


class ModuleList(_List):
    """A list whose modules belong to the module that holds it, named "0", "1", ...   torch.nn.ModuleList

    It has no forward: the module that holds it says how its entries are used, and in which order they go backward.
    Raises TypeError for what is not a Module, IndexError for a number that is not there.
    """

    def __init__(self, modules: Iterable[Module] = ()):
        super().__init__(modules)

    def __getitem__(self, index: Any) -> Any:
        """One module, or for a slice a ModuleList of the same modules, numbered from 0."""
        if isinstance(index, slice):
            return ModuleList(list(self)[index])
        return super().__getitem__(index)


class ModuleDict(Module):
    """A dict whose modules belong to the module that holds it, under their keys.   torch.nn.ModuleDict

    It has no forward. Raises TypeError for what is not a Module, ValueError for a key that cannot be part of a dotted
    name (empty, with a dot, or the name of an attribute), KeyError for a key that is not there.
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()):
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        for key, module in dict(modules).items():
            self[key] = module

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(key, str) or not key or "." in key or (key not in self and hasattr(self, key)):
            raise ValueError(f"ModuleDict: the key {key!r} cannot be used: a word that is no attribute, without a dot")
        setattr(self, key, _check_module(self, f"entry {key!r}", module))

    def __getitem__(self, key: str) -> Module:
        return dict(self.children())[key]

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in dict(self.children())

    def __len__(self) -> int:
        return len(dict(self.children()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> Iterable[str]:
        return dict(self.children()).keys()

    def values(self) -> Iterable[Module]:
        return dict(self.children()).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        return dict(self.children()).items()
