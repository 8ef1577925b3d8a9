"""A notebook as the Python text of its code cells, and which cell each line comes from."""

from __future__ import annotations

import json
import re

# Cells that begin with one of these are not Python; other %%magics (%%time, %%capture) have Python below them.
_OTHER_LANGUAGES = ("bash", "sh", "html", "javascript", "js", "latex", "markdown", "writefile", "script", "svg", "perl",
                    "ruby")  # fmt: skip
_MAGIC = re.compile(r"(\s*)([%!?]|.*\?\s*$)")

Place = tuple[int, int]  # cell, line in it, both from 1


def code_of(raw: bytes) -> tuple[str, list[Place]]:
    """(text, place of each line). Raises ValueError for what is no notebook."""
    try:
        notebook = json.loads(raw)
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        sources = [(number, cell.get("source", cell.get("input", ""))) for number, cell in enumerate(cells, 1)
                   if cell["cell_type"] == "code"]  # fmt: skip
        texts = [(number, source if isinstance(source, str) else "".join(source)) for number, source in sources]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"this is no notebook: {type(error).__name__}: {error}") from None
    lines: list[str] = []
    places: list[Place] = []
    for number, text in texts:
        cell = _python(text.splitlines())
        lines += cell
        places += [(number, line) for line in range(1, len(cell) + 1)]
    return "\n".join(lines) + "\n", places


def _python(lines: list[str]) -> list[str]:
    """As many lines, without magics; an indented one leaves a pass, that its block is not empty."""
    first = lines[0].strip() if lines else ""
    if first.startswith("%%") and first[2:].split(" ")[0] in _OTHER_LANGUAGES:
        return [f"# {line}" for line in lines]
    found = []
    for line in lines:
        magic = _MAGIC.match(line) if not line.lstrip().startswith("#") else None
        found.append(line if magic is None else f"{magic[1]}pass  # {line.strip()}" if magic[1] else f"# {line}")
    return found
