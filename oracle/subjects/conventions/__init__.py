"""What the courses ask their students to implement, as data: a file a course, a row a layer."""

from __future__ import annotations

from oracle.subjects.binding import Binding
from oracle.subjects.conventions import cs231n

CONVENTIONS: dict[str, tuple[Binding, ...]] = {
    "cs231n": cs231n.ROWS,
}
