"""`oracle doctor`: what isolation this machine gives to code under test. Each escape is tried for real in a worker."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.subjects.file import File
from oracle.worker.client import WorkerEnded
from oracle.worker.limits import MB, Limits

# Got out, and yet no harm: no content of a file, no effect outside, nothing that outlives the worker.
HARMLESS = {"ask for the size of a file", "a file in memory that can be run", "shared memory", "the kernel's key ring"}
_OUTLIVES = "a process that outlives the worker"
_MEMORY = 256 * MB
_ADVICE = {
    "L3": "code of other people can be judged here",
    "L2": "code of other people can be judged here; bubblewrap, where it can be had, would hide the names of files too",
    "L1": "not enough for code of other people. It needs Landlock (Linux 5.13) with seccomp, or bubblewrap",
    "L0": "enough for your own code alone. Other people's needs Landlock (Linux 5.13) with seccomp, or bubblewrap",
}


@dataclass(frozen=True)
class Examination:
    """level         "L0" to "L3"
    surroundings  what stands around the fork server: "bubblewrap", "namespaces", "process"
    held          what a worker's own trial says: "files", "network", ...
    escapes       attempt -> what stopped it, "" where it got out
    """

    level: str
    surroundings: str
    held: tuple[str, ...]
    escapes: dict[str, str]

    @property
    def got_out(self) -> list[str]:
        return [name for name, stopped in self.escapes.items() if not stopped and name not in HARMLESS]


def examine() -> Examination:
    """Try everything. Raises WorkerEnded where no worker starts at all."""
    with tempfile.TemporaryDirectory(prefix="oracle-doctor-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        for secret, mode in (("open", 0o644), ("closed", 0o600)):
            (folder / secret).write_text("not for code under test")
            (folder / secret).chmod(mode)
        targets, mailbox = _targets(folder, stack)
        facts = {"folder": str(folder), "memory": _MEMORY, **targets}
        own = folder / "submission"
        own.mkdir()
        text = f"FACTS = {facts!r}\n" + Path(__file__).with_name("worker").joinpath("escapes.py").read_text()
        (own / "escapes.py").write_text(text)
        file = File(own / "escapes.py", Limits(30.0, _MEMORY))
        try:
            worker, _ = file.fork()
            surroundings, place = file.surroundings, str(worker.folder.parent)
            held, level, printed = worker.held, worker.level, bytes(worker.printed)
            worker.close()
        finally:
            file.close()
        escapes = dict(_lines(printed))
        if not escapes.get("UDP", "-") and not _received(mailbox):
            escapes["UDP"] = "did not arrive"
        if not escapes.get(_OUTLIVES, "-") and not _runs(place):
            escapes[_OUTLIVES] = "ended with its worker"
    return Examination(level, surroundings, held, escapes)


def _targets(folder: Path, stack: contextlib.ExitStack) -> tuple[dict[str, Any], socket.socket]:
    """A process and sockets of the grader, for the code under test to reach; and the socket that UDP arrives at."""
    facts: dict[str, Any] = {}
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    stack.callback(victim.wait)
    stack.callback(victim.kill)
    facts["victim"] = victim.pid
    for name, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
        server = stack.enter_context(socket.socket(socket.AF_INET, kind))
        server.bind(("127.0.0.1", 0))
        facts[name] = server.getsockname()[1]
        if name == "tcp":
            server.listen()
        server.setblocking(False)
    facts["abstract"] = f"\0oracle-doctor-{os.getpid()}"
    for address in (str(folder / "listener"), facts["abstract"]):
        with contextlib.suppress(OSError):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(address)
            listening.listen()
    with contextlib.suppress(OSError):
        (folder / "listener").chmod(0o777)
    return facts, server


def _received(mailbox: socket.socket) -> bool:
    try:
        return bool(mailbox.recv(1))
    except OSError:
        return False


def _lines(printed: bytes) -> Iterator[tuple[str, str]]:
    for line in printed.decode(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            name, stopped = json.loads(line)
            yield name, stopped


def _runs(place: str) -> bool:
    """Whether a process still runs whose command names this folder: one that a worker or its server has left."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if place.encode() in (process / "cmdline").read_bytes():
                return True
    return False


def report() -> int:
    """Print what was tried and what held; 0 where code of other people can be judged, else 3."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    try:
        seen = examine()
    except WorkerEnded as error:
        console.print(f"no code can be judged here: {error.failure.message}", style="red")
        return 3
    held = f"{seen.surroundings}: {', '.join(seen.held)}"
    console.print(Text.assemble("isolation here: ", (seen.level, "bold"), f" ({held})"))
    table = Table("what code under test tried", "outcome", "stopped by", box=None, pad_edge=False, header_style="dim")
    for name, stopped in seen.escapes.items():
        outcome = Text("held", "green") if stopped else Text("got out", "yellow" if name in HARMLESS else "bold red")
        table.add_row(name, outcome, Text(stopped or ("harmless" if name in HARMLESS else ""), "dim"))
    console.print(table)
    if seen.got_out:
        console.print(f"{len(seen.got_out)} of {len(seen.escapes)} got out.")
    console.print(f"{seen.level}: {_ADVICE[seen.level]}.")
    return 0 if seen.level >= "L2" and not seen.got_out else 3
