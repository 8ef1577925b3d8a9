"""A torch.nn.Module as a subject: a class of the user's own, run forward and then backward by autograd (which runs the
backward of a custom autograd.Function). The only subject that imports torch; the user's module runs in this process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from oracle.bounds import Selection
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Tensors
from oracle.subjects import Answer, Call, Failure, Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.mapping import MapError, parse_map
from oracle.subjects.names import argument_of, parameter_of
from oracle.subjects.scratchnet import by_name

_COUNTER = "num_batches_tracked"  # torch's own bookkeeping, which few modules keep


class Unfit(ValueError):
    """The module is built, loaded or called in another way than torch's: nothing is known of what it computes."""


class TorchModule(Subject):
    """`factory` builds the module from torch's constructor arguments.

    args    torch's argument name -> the factory's, where they differ; None: the factory does not take it
    params  torch's parameter or buffer name -> the module's, where they differ ({"weight": "kernel"})

    Usual names (dim, gamma) need not be said. A tensor of torch's may have axes of size 1 more or less, and may be a
    plain attribute. Where a module cannot be built, loaded or called with what torch's has, it is not judged.
    """

    def __init__(
        self,
        spec: str,
        factory: Callable[..., Any],
        args: Mapping[str, str | None] | None = None,
        params: Mapping[str, str] | None = None,
        name: str | None = None,
    ):
        self.spec, self._factory, self._layer = spec, factory, SPECS.get(spec, _plain(spec))
        self.implements: str = name or getattr(factory, "__qualname__", None) or repr(factory)
        self._params = dict(params or {})
        self._defaults = self._torchs_defaults()
        self._offered = _offered(factory)
        self._args = _usual(self._offered, (*self._layer.required, *self._layer.defaults)) | dict(args or {})
        # LayerNorm(dim) normalises the last axis: only a shape is asked for more of them.
        self._one_axis = "shape" not in (self._args.get("normalized_shape") or "shape")
        self._absent: set[str] = set()
        self.untaken = self._untaken()
        unknown = [f"{own} (for {name})" for name, own in self._args.items() if own and not self._offers(name)]
        if args and unknown:
            raise ValueError(f"{self.implements} has no argument {', '.join(unknown)}; {self._signature()}")

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        """Arguments that the factory does not have are left out where they are at torch's default. Where a case draws
        dropout's mask, only a module with such a buffer can be given it."""
        own, _ = self._layer.split(settings)
        offered = all(self._offers(name) or self._is_default(name, value) for name, value in own.items())
        if self._one_axis and np.size(own.get("normalized_shape", 0)) != 1:
            return False
        if any(value is None and self._has_value(name) for name, value in own.items()):
            return False
        masked = offered and shapes is not None and "mask" in self._layer.tensors(settings, shapes).buffers
        return offered and (not masked or self._has_mask(own))

    def lacks(self, call: Call, tensor: str) -> bool:
        return tensor in self._absent

    def _untaken(self) -> str:
        missing = [name for name in self._layer.required if not self._offers(name)]
        if not missing:
            return ""
        needs = " and ".join(missing)
        return (
            f"torch's {self.spec} needs {needs}; {self._signature()}; say which is which: "
            f'args={{"{missing[0]}": ...}}, from the shell --map "...={missing[0]}"'
        )

    def _signature(self) -> str:
        return f"{self.implements} takes {', '.join(sorted(self._offered or ())) or 'no argument'}"

    def _has_mask(self, settings: Mapping[str, Any]) -> bool:
        try:
            module = self._factory(**{self._args.get(n) or n: v for n, v in settings.items() if self._offers(n)})
        except Exception:  # what it raises is said of a case that is run
            return True
        own = dict(module.named_buffers())
        return self._own("mask", own) in own

    def _torchs_defaults(self) -> Mapping[str, Any]:
        return _defaults(self.spec)

    def _offers(self, name: str) -> bool:
        own = self._args.get(name, name)
        return own is not None and (self._offered is None or own in self._offered)

    def _has_value(self, name: str) -> bool:
        """Whether its own default is a value where torch's is None (eps of RMSNorm): it was never meant to get None."""
        own = inspect.signature(self._factory).parameters.get(self._args.get(name) or name)
        given = own is not None and own.default not in (None, inspect.Parameter.empty)
        return given and self._is_default(name, None)

    def _is_default(self, name: str, value: Any) -> bool:
        return name in self._defaults and self._defaults[name] == value

    def run(self, call: Call) -> Answer:
        state: dict[str, Any] = {}

        def forward(given: Call) -> dict[str, Any]:
            settings = self._settings(given)
            _fits(self._factory, self.implements, "is built with", (), settings)
            module = self._factory(**settings)
            half = getattr(torch, given.half) if given.half else None
            inputs = [_tensor(array, half) for array in given.inputs.values()]
            parameters = [_tensor(array, half) for array in given.parameters.values()]
            module.to(next((x.dtype for x in (*inputs, *parameters) if x.is_floating_point()), torch.float64))
            module.train(given.training)
            self._load(module, given)
            for x in inputs:
                x.requires_grad_(x.is_floating_point())
            # A module may work in place, as between other layers, on what is not a leaf of the graph.
            passed = [x.clone() if x.requires_grad else x for x in inputs]
            of_forward = self._layer.split(given.settings)[1]
            positional, named = self._layer.arguments(dict(zip(given.inputs, passed)), of_forward)
            _fits(module.forward, f"{self.implements}.forward", "is called with", positional, named)
            outputs = by_name(given, module(*positional, **named))
            for array, x in zip(given.inputs.values(), passed):
                if array.flags.writeable:
                    array[...] = _array(x)
            state.update(module=module, inputs=dict(zip(given.inputs, inputs)), outputs=outputs)
            own = _tensors(module)
            after = {name: own.get(self._own(name, own)) for name in given.buffers}
            return _numpy(outputs) | _shaped(_numpy(after), given.buffers)

        def backward(given: Call) -> dict[str, Any]:
            module, inputs, outputs = state["module"], state["inputs"], state["outputs"]
            names = [name for name, out in outputs.items() if isinstance(out, torch.Tensor) and out.requires_grad]
            upstream = [_tensor(given.upstream[f"d{n}"]).to(outputs[n].dtype) for n in names]
            torch.autograd.backward([outputs[n] for n in names], upstream)
            own = _tensors(module)
            leaves = inputs | {name: own[self._own(name, own)] for name in given.parameters}
            grads = {name: leaf.grad for name, leaf in leaves.items()}
            return {f"d{name}": grad for name, grad in _shaped(_numpy(grads), given.parameters).items()}

        def fitting(given: Call) -> dict[str, Any]:
            try:
                return forward(given)
            except Unfit as error:
                state["unfit"] = str(error)
                raise

        answer = attempt(call, fitting, backward)
        if "unfit" in state:
            answer.failures["forward"] = Failure("unjudged", state["unfit"])
        return answer

    def _settings(self, given: Call) -> dict[str, Any]:
        """What the factory is called with, by its own names."""
        settings = {
            self._args.get(n) or n: _tensor(v) if isinstance(v, np.ndarray) else v
            for n, v in self._layer.split(given.constructor())[0].items()
            if self._offers(n)
        }
        shape = self._args.get("normalized_shape")
        if self._one_axis and shape in settings and isinstance(settings[shape], tuple):
            settings[shape] = settings[shape][0]
        return settings

    def _own(self, name: str, own: Iterable[str]) -> str:
        """The module's name for a tensor of torch's: as it was told, torch's, or the only usual one."""
        if name in self._params or name in own:
            return self._params.get(name, name)
        usual = [each for each in own if parameter_of(each, (name,)) == name]
        return usual[0] if len(usual) == 1 else name

    def _load(self, module: torch.nn.Module, given: Call) -> None:
        """Copy the call's parameters and buffers in. Raises Unfit where one is missing or has another shape."""
        own = _tensors(module)
        for name, array in {**given.parameters, **given.buffers}.items():
            path = self._own(name, own)
            target = own.get(path)
            if target is None and (name == _COUNTER or (given.settings.get(name) is True and name in given.buffers)):
                self._absent.add(name)  # an array that the constructor was given need not be kept
                continue
            if target is None:
                known = ", ".join(own) or "none"
                raise Unfit(
                    f"{type(module).__name__} has no parameter {path!r} (it has: {known}); "
                    f'name it with params={{"{name}": ...}}{_in_the_shell(name)}'
                )
            if not _alike(tuple(target.shape), array.shape):
                raise Unfit(f"{type(module).__name__}.{path} has shape {tuple(target.shape)}, {array.shape} expected")
            value = _tensor(array).reshape(target.shape)
            if isinstance(target, torch.nn.Parameter) or any(target is each for each in module.buffers()):
                with torch.no_grad():
                    target.copy_(value)
            else:  # a plain attribute has the dtype that it was made with
                owner, _, last = path.rpartition(".")
                setattr(module.get_submodule(owner), last, value.clone())


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, buffers and tensors in plain attributes, by path."""
    plain = {
        f"{path}.{name}".removeprefix("."): value
        for path, each in module.named_modules()
        for name, value in vars(each).items()
        if isinstance(value, torch.Tensor)
    }
    return {**plain, **dict(module.named_parameters()), **dict(module.named_buffers())}


def _in_the_shell(name: str) -> str:
    """How --map says it, where it can."""
    try:
        parse_map(f"{name}=own")
    except MapError:
        return ""
    return f', from the shell --map "{name}=..."'


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether they differ in axes of size 1 at most."""
    return [n for n in one if n != 1] == [n for n in other if n != 1]


def _shaped(tensors: Mapping[str, Any], like: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Without the axes of size 1 that torch's do not have."""
    return {
        name: value.reshape(like[name].shape)
        if name in like and isinstance(value, np.ndarray) and _alike(value.shape, like[name].shape)
        else value
        for name, value in tensors.items()
    }


def _fits(called: Callable, name: str, how: str, positional: tuple, named: Mapping[str, Any]) -> None:
    """Raises Unfit where it does not take these arguments."""
    signature = inspect.signature(called)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        given = ", ".join([*(["inputs"] if positional else []), *named])
        raise Unfit(
            f"{name}{signature} {how} ({given}), as torch's is: {error}; a function or class around it can translate"
        ) from None


def _plain(name: str) -> LayerSpec:
    """A layer that torch does not have: it takes its inputs as they come."""
    return LayerSpec(name, (), {}, lambda args, shapes: Tensors({}), tuple, Selection())


def _offered(factory: Callable) -> set[str] | None:
    """The names of the factory's arguments; None where it takes any."""
    if isinstance(factory, type) and inspect.getattr_static(factory, "__init__") is torch.nn.Module.__init__:
        return set()  # it says (*args, **kwargs), and refuses them
    parameters = inspect.signature(factory).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters}


def _usual(offered: set[str] | None, settings: tuple[str, ...]) -> dict[str, str | None]:
    """torch's argument -> the factory's, where that is one of its usual names and no other claims it."""
    found: dict[str, list[str]] = {}
    for own in offered or ():
        setting = argument_of(own, settings)
        if setting is not None and own not in settings:
            found.setdefault(setting, []).append(own)
    return {name: own[0] for name, own in found.items() if len(own) == 1 and name not in (offered or ())}


def _defaults(spec: str) -> dict[str, Any]:
    """The defaults of the torch layer of that name, where there is one."""
    twin = getattr(torch.nn, spec, None)
    parameters = inspect.signature(twin).parameters.values() if twin else ()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _tensor(array: np.ndarray, half: torch.dtype | None = None) -> torch.Tensor:
    """A tensor on the array's own memory (so that a module that changes its input is seen), or on a copy where torch
    cannot have it: negative strides, read-only; fractions in `half`, where that is asked for."""
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()
    tensor = torch.from_numpy(array)
    return tensor.to(half) if half is not None and tensor.is_floating_point() else tensor


def _numpy(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors as arrays; anything else as it is, to be refused by name."""
    return {name: _array(value) if isinstance(value, torch.Tensor) else value for name, value in tensors.items()}


def _array(tensor: torch.Tensor) -> np.ndarray:
    """In float32 where NumPy has no such type, or a coarse one."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor).numpy()
