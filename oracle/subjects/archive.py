"""A zip, unpacked by hand: an archive is as little trusted as what is in it."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

MOST_FILES = 2000
LARGEST = 20 << 20  # bytes of one file
MOST = 100 << 20  # bytes of all
RATIO = 200  # unpacked to packed, above SMALL bytes
SMALL = 1 << 20
KEPT = (".py", ".ipynb", ".npy", ".npz", ".txt", ".json", ".csv")  # what code of a layer may need


class ArchiveError(ValueError):
    """An archive that is not unpacked; the message says why."""


def unpack(path: Path, folder: Path) -> None:
    """The archive's files of KEPT kinds below `folder`. Raises ArchiveError before anything is written outside of it,
    or more than the limits: sizes are counted while reading, since an archive can say what it likes."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise ArchiveError(f"{len(entries)} files in it, at most {MOST_FILES} are unpacked")
            left = MOST
            for entry in entries:
                name = _name(entry)
                if name.suffix in KEPT and "__MACOSX" not in name.parts:
                    left -= _write(archive, entry, folder.joinpath(*name.parts), left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ArchiveError(f"it cannot be read as a zip: {error}") from None


def _name(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise ArchiveError(f"{entry.filename!r} is a link or no plain file")
    odd = any(part in ("..", ".") or ":" in part or not part.isprintable() for part in name.parts)
    if name.is_absolute() or odd or len(entry.filename) > 300 or len(name.parts) > 20:
        raise ArchiveError(f"{entry.filename[:80]!r} is no name of a file inside of it")
    return name


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    """The file's size. Read in pieces, and no further than the limits."""
    most, size = min(LARGEST, left), 0
    packed = max(entry.compress_size, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise ArchiveError(f"{entry.filename!r} is in it twice")
    with archive.open(entry) as source, path.open("xb") as copy:
        while piece := source.read(1 << 16):
            size += len(piece)
            if size > most or (size > SMALL and size > RATIO * packed):
                raise ArchiveError(f"{entry.filename!r} is larger than {most >> 20} MB or {RATIO} times packed")
            copy.write(piece)
    return size
