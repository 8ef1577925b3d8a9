"""Landlock: of all files the process can reach only those named here, and no TCP, no abstract socket, no signal to a
process outside. It needs no privilege and no package; kernel 5.13 is the first that has it.

https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from oracle.worker.kernel import LANDLOCK_ADD, LANDLOCK_CREATE, LANDLOCK_RESTRICT, syscall

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_REG, _MAKE_DIR, _REMOVE_DIR, _REMOVE_FILE, _TRUNCATE = 1 << 8, 1 << 7, 1 << 4, 1 << 5, 1 << 14
_ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}  # by ABI version
_NET, _SCOPES = 0b11, 0b11  # bind and connect of TCP, ABI 4; abstract sockets and signals, ABI 6

READ = _READ_FILE | _READ_DIR
LIST = _READ_DIR
WRITE = READ | _WRITE_FILE | _MAKE_REG | _MAKE_DIR | _REMOVE_DIR | _REMOVE_FILE | _TRUNCATE
DEVICE = _READ_FILE | _WRITE_FILE
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

Rule = tuple[int, int]  # what is allowed, a descriptor of where


def version() -> int:
    """The kernel's ABI version, 0 where there is no Landlock."""
    try:
        return syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


def rule(allowed: int, path: str) -> Rule | None:
    """A rule for everything at and below `path`; None where it does not exist."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    return (allowed if os.path.isdir(path) else allowed & _OF_A_FILE), descriptor


def ruleset(rules: Iterable[Rule], abi: int, reading: bool = True) -> int:
    """A descriptor of rules, to be enforced in as many processes as one likes. Without `reading` they leave reading
    alone: a second ruleset on top of a first can only take away."""
    handled = _ALL[min(abi, 5)]
    if not reading:
        handled &= ~(READ | _EXECUTE)
    attributes = struct.pack("<QQQ", handled, _NET if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    made = syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    for allowed, descriptor in rules:
        beneath = struct.pack("<Qi", allowed & handled, descriptor)
        if allowed & handled:
            syscall(LANDLOCK_ADD, ctypes.c_int(made), ctypes.c_int(1), beneath, ctypes.c_uint32(0))
    return made


def enforce(made: int) -> None:
    """Confine this process, for good. Raises OSError where the kernel refuses; NO_NEW_PRIVS must be set."""
    syscall(LANDLOCK_RESTRICT, ctypes.c_int(made), ctypes.c_uint32(0))
