"""What the courses ask their students to implement, as data: a file a course, a row a layer."""

from __future__ import annotations

from oracle.subjects.binding import Binding
from oracle.subjects.conventions import cs231n, dlai, dlfs, eecs, mytorch, snu

TORCH = ("eecs",)  # courses whose files are torch code

# Courses that are known and cannot be judged, by the package that their files import.
UNSUPPORTED = {
    "needle": "dlsys' needle computes on a Tensor of its own autograd engine, whose layers cannot be given arrays and "
    "whose gradients are not the layer's own code",
    "minitorch": "minitorch computes on a Tensor of its own autograd engine, whose layers cannot be given arrays and "
    "whose gradients are not the layer's own code",
}

CONVENTIONS: dict[str, tuple[Binding, ...]] = {
    "cs231n": cs231n.ROWS,
    "dlai": dlai.ROWS,
    "snu": snu.ROWS,
    "mytorch": mytorch.ROWS,
    "dlfs": dlfs.ROWS,
    "eecs": eecs.ROWS,
}
