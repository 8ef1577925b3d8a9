"""A failing case as a script that stands alone: NumPy, torch for the expected value, and literal numbers."""

from __future__ import annotations

import numpy as np

from oracle.judge import CaseResult


def repro(result: CaseResult, implements: str) -> str | None:
    """At most 25 lines that print torch's tensor beside the subject's; None where there is nothing to show (the subject
    raised everywhere, or the twin is not a torch.nn class of that name)."""
    name = next((name for name, tensor in result.tensors.items() if tensor.failed), None)
    if name is None or result.call is None or result.expected is None or result.case.spec.twin is not None:
        return None
    call, case = result.call, result.case
    lines = [f'"""{case.id}: {name} of {implements}."""', "import numpy as np", "import torch", ""]
    lines += [f"{key} = {literal(array)}" for key, array in call.arrays().items()]
    arguments = ", ".join(f"{key}={value!r}" for key, value in case.args.items())
    state = ", ".join(f'"{key}": torch.tensor({key})' for key in (*call.parameters, *call.buffers))
    lines += ["", f"layer = torch.nn.{case.spec.name}({arguments}).double(){'' if call.training else '.eval()'}"]
    lines += [f"layer.load_state_dict({{{state}}}, strict=False)"] if state else []
    for key, array in call.inputs.items():
        grad = ", requires_grad=True" if array.dtype.kind == "f" else ""
        lines.append(f"{key}_ = torch.tensor({key}{grad})")
    lines.append(f"out = layer({', '.join(f'{key}_' for key in call.inputs)})")
    lines.append("out.backward(torch.tensor(dout))" if "dout" in call.upstream else "")
    lines.append(f"expected = {_expected(result, name)}")
    given = result.answer.tensors.get(name) if result.answer is not None else None
    lines.append(
        f"given = {literal(given)}" if isinstance(given, np.ndarray) else f"given = {result.tensors[name].reason!r}"
    )
    lines.append(f'print("{name}: torch", expected.tolist(), "given", getattr(given, "tolist", lambda: given)())')
    return "\n".join(lines) + "\n"


def _expected(result: CaseResult, name: str) -> str:
    assert result.call is not None
    if name == "out":
        return "out.detach().numpy()"
    if name in result.call.buffers:
        return f"layer.{name}.numpy()"
    owner = f"{name[1:]}_" if name[1:] in result.call.inputs else f"layer.{name[1:]}"
    return f"{owner}.grad.numpy()"


def literal(array: np.ndarray) -> str:
    """NumPy text that can be pasted: whole numbers without their points."""
    array = np.asarray(array)
    if array.size == 0 or array.dtype.kind != "f":
        return f"np.array({array.tolist()}, {array.dtype.name!r})" if array.size else f"np.zeros({array.shape})"
    whole = np.isfinite(array).all() and np.array_equal(array, np.round(array)) and np.abs(array).max() < 2**53
    return f"np.array({array.astype(np.int64).tolist() if whole else array.tolist()}, float)".replace(
        "nan", "np.nan"
    ).replace("inf", "np.inf")
