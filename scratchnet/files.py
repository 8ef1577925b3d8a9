"""Files that are whole at any moment."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which becomes `path` once all of it is on the disk: whoever reads `path` finds the whole
    old file or the whole new one. After an exception the old one stays, and nothing else.

        with whole(Path("net.npz")) as file:
            np.savez(file, **arrays)
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # two may write the same path at once
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
