"""What the courses ask their students to implement, as data: a file a course, a row a layer."""

from __future__ import annotations

from oracle.subjects.binding import Binding
from oracle.subjects.conventions import cs231n, dlai, dlfs, eecs, mytorch, snu

TORCH = ("eecs",)  # courses whose files are torch code

# Courses that are known and cannot be judged, by what their files import.
_AUTOGRAD = (
    "computes on a Tensor of its own autograd engine, whose layers cannot be given arrays and whose gradients are not "
    "the layer's own code"
)
UNSUPPORTED = {
    "needle": f"dlsys' needle {_AUTOGRAD}",
    "minitorch": f"minitorch {_AUTOGRAD}",
    "dezero": f"dezero {_AUTOGRAD}",
    **dict.fromkeys(
        ("mytorch.tensor", "mytorch.autograd_engine", "mytorch.nn.functional"),
        f"mytorch as CMU 11-785 had it until 2021 {_AUTOGRAD}",
    ),
}

NO_LAYERS = cs231n.NO_LAYERS  # what courses ask for and no layer of torch.nn is, and why

CONVENTIONS: dict[str, tuple[Binding, ...]] = {
    "cs231n": cs231n.ROWS,
    "dlai": dlai.ROWS,
    "snu": snu.ROWS,
    "mytorch": mytorch.ROWS,
    "dlfs": dlfs.ROWS,
    "eecs": eecs.ROWS,
}
