"""What code under test might try, tried: `oracle doctor` runs this text as a submission, with FACTS before it. It
prints a line of JSON for each attempt: its name, and "" where it got out, else what stopped it.
"""

import ctypes
import json
import os
import socket
import sys
from typing import Any

FACTS: dict = globals().get("FACTS", {})
LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# shmget, keyctl, memfd_create, process_vm_readv
NUMBERS = {"x86_64": (29, 250, 319, 310), "aarch64": (194, 219, 279, 270)}


def called(result):
    """A system call that is done has got out."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def syscall(which, *arguments):
    called(LIBC.syscall(NUMBERS[os.uname().machine][which], *arguments))


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write(folder):
    path = os.path.join(folder, f"oracle-doctor-{os.getpid()}")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


def connect(family, kind, address):
    with socket.socket(family, kind) as client:
        client.settimeout(1)
        client.connect(address)
        client.send(b"out")


def fork():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def daemon():
    """A process that nobody waits for; whether it outlives the worker is seen from outside."""
    if not os.fork():
        os.setsid()
        if not os.fork():
            import time

            time.sleep(20)
        os._exit(0)


def execute():
    import subprocess

    subprocess.run([sys.executable, "-c", ""], check=True, capture_output=True)


def trace():
    """Seize, which does not stop the process; it is let go with the end of this one."""
    called(LIBC.ptrace(0x4206, FACTS["victim"], None, None))


def memory():
    import numpy

    numpy.ones(FACTS["memory"] + (64 << 20), numpy.uint8)


def large_file():
    with open("large", "wb") as file:
        file.truncate(1 << 30)
    os.unlink("large")


def descriptors():
    for _ in range(1000):
        os.dup(1)


def main():
    victim, folder = FACTS["victim"], FACTS["folder"]
    attempts = {
        "read a file that everybody may read": lambda: read(os.path.join(folder, "open")),
        "read a file of the grader's own": lambda: read(os.path.join(folder, "closed")),
        "ask for the size of a file": lambda: os.stat(os.path.join(folder, "open")),
        "write beside the grader's files": lambda: write(folder),
        "write to /tmp": lambda: write("/tmp"),
        "write to /dev/shm": lambda: write("/dev/shm"),
        "change the mode of a file": lambda: os.chmod(os.path.join(folder, "open"), 0o600),
        "read another process's environment": lambda: read(f"/proc/{victim}/environ"),
        "read another process's memory": lambda: syscall(3, victim, None, 0, None, 0, 0),
        "signal another process": lambda: os.kill(victim, 0),
        "trace another process": trace,
        "TCP": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", FACTS["tcp"])),
        "UDP": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", FACTS["udp"])),
        "a socket in the file system": lambda: connect(
            socket.AF_UNIX, socket.SOCK_STREAM, os.path.join(folder, "listener")
        ),
        "an abstract socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, FACTS["abstract"]),
        "start a process": fork,
        "start a program": execute,
        "a process that outlives the worker": daemon,
        "shared memory": lambda: syscall(0, 0, 4096, 0o1600),
        "the kernel's key ring": lambda: syscall(1, 0, -3, 0, 0, 0),
        "a file in memory that can be run": lambda: syscall(2, b"x", 0),
        "a new user namespace": lambda: called(LIBC.unshare(0x10000000)),
        "a mount": lambda: called(LIBC.mount(b"none", folder.encode(), b"tmpfs", 0, None)),
        "become root": lambda: os.setresuid(0, 0, 0),
        "more memory than the limit": memory,
        "a file of 1 GB": large_file,
        "1000 descriptors": descriptors,
        "import torch": lambda: __import__("torch"),
    }
    if LIBC is None:  # what only Linux has
        for name in ("read another process's memory", "trace another process", "shared memory", "the kernel's key ring",
                     "a file in memory that can be run", "a new user namespace", "a mount",
                     "read another process's environment"):  # fmt: skip
            del attempts[name]
    if os.getuid() == 0:  # it is root already: that is what got out
        attempts["become root"] = lambda: None
    for name, attempt in attempts.items():
        try:
            attempt()
            stopped = ""
        except BaseException as error:
            stopped = str(getattr(error, "strerror", None) or error or type(error).__name__)[:60]
        print(json.dumps([name, stopped]), flush=True)


if FACTS:
    main()
