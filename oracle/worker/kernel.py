"""Linux system calls that Python does not offer, by their number. Importing this is safe on any system."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

LINUX = sys.platform == "linux"
MACHINE = platform.machine() if sys.maxsize > 1 << 32 else ""  # a Python of 32 bits makes other calls

_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS = 1, 4, 8
PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 38, 36

CAPSET = {"x86_64": 126, "aarch64": 91}
SECCOMP = {"x86_64": 317, "aarch64": 277}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # everywhere the same

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC = (
    0x20000, 0x10000000, 0x20000000, 0x40000000, 0x08000000)  # fmt: skip

CAP_DAC_READ_SEARCH = 2


def syscall(number: int, *arguments: object) -> int:
    """Raises OSError with the kernel's reason."""
    if _libc is None:
        raise OSError("not a Linux system")
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, value: int) -> int:
    if _libc is None:
        raise OSError("not a Linux system")
    zero = ctypes.c_ulong(0)
    return _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero))


def unshare(flags: int) -> None:
    if _libc is None:
        raise OSError("not a Linux system")
    _checked(_libc.unshare(ctypes.c_int(flags)))


def keep_only(capabilities: int) -> None:
    """Drop every capability of this process but those in the bit set."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(capabilities, capabilities, 0, 0, 0, 0)  # effective, permitted, inheritable
    syscall(CAPSET[MACHINE], header, data)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
