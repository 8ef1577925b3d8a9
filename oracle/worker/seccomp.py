"""Seccomp: a list of the system calls that the code under test may make. Everything else fails with EPERM: no socket,
no other process, no signal but to itself, no mount, no ptrace.

The filter is a classic BPF program that the kernel runs at each call on struct seccomp_data: number, architecture, six
arguments. https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from oracle.worker.kernel import MACHINE, SECCOMP, syscall

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
DENY, ABSENT = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
X32 = 0x40000000  # x86-64's second table: the same calls by other numbers

# name -> number on x86-64 and on aarch64, None where it is not; those of a convolution first
ALLOWED = {
    "read": (0, 63), "write": (1, 64), "futex": (202, 98), "mmap": (9, 222), "munmap": (11, 215), "brk": (12, 214),
    "madvise": (28, 233), "mremap": (25, 216), "mprotect": (10, 226), "readv": (19, 65), "writev": (20, 66),
    "lseek": (8, 62), "pread64": (17, 67), "pwrite64": (18, 68), "close": (3, 57), "fstat": (5, 80),
    "newfstatat": (262, 79), "statx": (332, 291), "stat": (4, None), "lstat": (6, None), "access": (21, None),
    "faccessat": (269, 48), "faccessat2": (439, 439), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49),
    "fchdir": (81, 50), "readlink": (89, None), "readlinkat": (267, 78), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24), "umask": (95, 166), "fsync": (74, 82), "fdatasync": (75, 83), "fadvise64": (221, 223),
    "msync": (26, 227), "mincore": (27, 232), "statfs": (137, 43), "fstatfs": (138, 44),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "set_robust_list": (273, 99), "rseq": (334, 293), "set_tid_address": (218, 96),
    "gettid": (186, 178), "getpid": (39, 172), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getgroups": (115, 158), "uname": (63, 160), "sysinfo": (99, 179),
    "getrusage": (98, 165), "times": (100, 153), "time": (201, None), "gettimeofday": (96, 169),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "getrandom": (318, 278), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "poll": (7, None),
    "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
# Where Landlock or a view of its own keeps files apart; else nothing is written at all. No chmod, chown or utime in
# either: Landlock does not know them.
WRITING = {
    "unlink": (87, None), "unlinkat": (263, 35), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "ftruncate": (77, 46),
}  # fmt: skip
# Only with certain arguments; the two of the channel to the grader come first.
CONDITIONAL = {
    "recvfrom": (45, 207), "sendto": (44, 206), "openat": (257, 56), "open": (2, None), "clone": (56, 220),
    "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131), "prctl": (157, 167), "ioctl": (16, 29),
    "prlimit64": (302, 261), "fcntl": (72, 25),
}  # fmt: skip

CLONE_THREAD = 0x10000
_ACCMODE, _CREAT, _TRUNC = 0x3, 0x40, 0x200
_PR_NAMES = (15, 16)
_TCGETS, _WINDOW, _CLOEXEC_OFF, _FIOCLEX, _FIONREAD = 0x5401, 0x5413, 0x5450, 0x5451, 0x541B
_FCNTL = (0, 1, 2, 3, 4, 1030)  # no owner and no signal: F_SETOWN with F_SETSIG can kill another process

_LOAD, _EQUAL, _ABOVE, _BITS, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
Instruction = tuple[int, int, int, int]  # code, jump where true, jump where false, constant


def program(machine: str, pid: int, writes: bool) -> list[Instruction]:
    """The filter of a worker whose process id is `pid`. Raises KeyError for a machine that is not in the tables."""
    column = {"x86_64": 0, "aarch64": 1}[machine]
    code: list[Instruction] = [
        (_LOAD, 0, 0, 4), (_EQUAL, 1, 0, AUDIT[machine]), (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, 0), (_ABOVE, 0, 1, X32), (_RETURN, 0, 0, ABSENT),
    ]  # fmt: skip
    conditions = _conditions(pid, writes)
    for name, numbers in {**CONDITIONAL, **ALLOWED, **(WRITING if writes else {})}.items():
        number, body = numbers[column], conditions.get(name, [(_RETURN, 0, 0, ALLOW)])
        if number is not None:
            code += [(_EQUAL, 0, len(body), number), *body]
    return [*code, (_RETURN, 0, 0, DENY)]


def install(writes: bool) -> None:
    """Lock this process, for good. NO_NEW_PRIVS must be set. Raises OSError or KeyError where it cannot be."""
    code = b"".join(struct.pack("<HBBI", *line) for line in program(MACHINE, os.getpid(), writes))
    buffer = ctypes.create_string_buffer(code)
    wanted = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    syscall(SECCOMP[MACHINE], ctypes.c_uint(1), ctypes.c_uint(0), wanted)


# Conditions on arguments: each is a block that returns.


def _low(argument: int) -> Instruction:
    return _LOAD, 0, 0, 16 + 8 * argument


def _high(argument: int) -> Instruction:
    return _LOAD, 0, 0, 20 + 8 * argument


def _one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    count = len(values)
    checks = [(_EQUAL, count - place, 0, value) for place, value in enumerate(values)]
    return [_low(argument), *checks, (_RETURN, 0, 0, DENY), (_RETURN, 0, 0, ALLOW)]


def _null(argument: int) -> list[Instruction]:
    """The pointer must be absent."""
    return [
        _low(argument), (_EQUAL, 0, 2, 0), _high(argument), (_EQUAL, 1, 0, 0), (_RETURN, 0, 0, DENY),
        (_RETURN, 0, 0, ALLOW),
    ]  # fmt: skip


def _opening(argument: int, writes: bool) -> list[Instruction]:
    if not writes:
        return [
            _low(argument),
            (_BITS, 0, 1, _ACCMODE | _CREAT | _TRUNC),
            (_RETURN, 0, 0, DENY),
            (_RETURN, 0, 0, ALLOW),
        ]
    # Truncating while reading: the first versions of Landlock do not see it.
    return [
        _low(argument), (_AND, 0, 0, _ACCMODE | _TRUNC), (_EQUAL, 0, 1, _TRUNC), (_RETURN, 0, 0, DENY),
        (_RETURN, 0, 0, ALLOW),
    ]  # fmt: skip


def _conditions(pid: int, writes: bool) -> dict[str, list[Instruction]]:
    return {
        "recvfrom": _null(4),
        "sendto": _null(4),
        "openat": _opening(2, writes),
        "open": _opening(1, writes),
        "clone": [_low(0), (_BITS, 1, 0, CLONE_THREAD), (_RETURN, 0, 0, DENY), (_RETURN, 0, 0, ALLOW)],
        "clone3": [
            (_RETURN, 0, 0, ABSENT)
        ],  # its flags are in memory, where a filter cannot look; libraries then clone
        "kill": _one_of(0, (pid,)),
        "tgkill": _one_of(0, (pid,)),
        "prctl": _one_of(0, _PR_NAMES),
        "ioctl": _one_of(1, (_TCGETS, _WINDOW, _CLOEXEC_OFF, _FIOCLEX, _FIONREAD)),
        "prlimit64": _null(2),  # limits are read and not set
        "fcntl": _one_of(1, _FCNTL),
    }
