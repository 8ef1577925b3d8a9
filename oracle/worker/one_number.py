"""An array of one number where a number belongs: float(b), np.float(b), and Z[i, j] = b. NumPy took it until 2.4, and
what was written before fails for that alone. The statements are rewritten so that they do what they did.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

import numpy as np

_NUMBER, _FITTING = "__oracle_number__", "__oracle_fitting__"  # what the rewritten statements call
_SAID = "an array of one number was taken as a number, as old NumPy did"

notes: list[str] = []  # once something was taken so


def number(value: Any) -> Any:
    """The one number of an array, with its dtype; everything else as it is."""
    if type(value) is np.ndarray and value.ndim > 0 and value.size == 1:
        notes[:] = [_SAID]
        return value.reshape(())
    return value


def fitting(target: Any, index: Any, value: Any) -> Any:
    """What is written to target[index]: a number, where this is one element of an array of numbers."""
    places = index if isinstance(index, tuple) else (index,)
    element = (
        type(target) is np.ndarray
        and target.dtype != object
        and target.ndim == len(places)
        and all(isinstance(place, int | np.integer) for place in places)
    )
    return number(value) if element else value


NAMES = {_NUMBER: number, _FITTING: fitting}


def rewritten(statement: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(_Rewriting().visit(statement))


class _Rewriting(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        match node:
            case ast.Call(
                ast.Name("float" | "int") | ast.Attribute(ast.Name("np" | "numpy"), "float" | "int"), [argument], []
            ):
                node.args = [_call(_NUMBER, argument)]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        self.generic_visit(node)
        if len(node.targets) == 1:
            node.value = _into(node.targets[0], node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AugAssign:
        self.generic_visit(node)
        node.value = _into(node.target, node.value)
        return node


def _into(target: ast.expr, value: ast.expr) -> ast.expr:
    """The value of Z[i, j] = value. An index that takes several elements stays; so does one whose evaluation, once
    more, could do something."""
    match target:
        case ast.Subscript(ast.Name() | ast.Attribute(ast.Name()) as array, index):
            stays = (ast.Slice, ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
            if not any(isinstance(part, stays) for part in ast.walk(index)) and not isinstance(value, ast.Constant):
                read = copy.copy(array)
                read.ctx = ast.Load()
                return _call(_FITTING, read, index, value)
    return value


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), arguments[-1])
