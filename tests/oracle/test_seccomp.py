"""The filter of system calls, run on paper for both machines: no such processor is needed."""

import struct

import pytest

from oracle.worker import seccomp


def decides(machine, number, arguments=(), pid=1234, writes=True, audit=None):
    """What the filter returns for one system call."""
    data = struct.pack("<iIQ6Q", number, audit or seccomp.AUDIT[machine], 0, *arguments, *[0] * (6 - len(arguments)))
    program, place, value = seccomp.program(machine, pid, writes), 0, 0
    while True:
        code, true, false, constant = program[place]
        place += 1
        if code == seccomp._RETURN:
            return constant
        if code == seccomp._LOAD:
            value = struct.unpack_from("<I", data, constant)[0]
        elif code == seccomp._AND:
            value &= constant
        else:
            test = {seccomp._EQUAL: value == constant, seccomp._ABOVE: value >= constant,
                    seccomp._BITS: bool(value & constant)}[code]  # fmt: skip
            place += true if test else false


CALLS = {  # name -> number on x86-64, on aarch64, arguments, whether it is allowed
    "read": (0, 63, (), True),
    "mmap": (9, 222, (), True),
    "exit_group": (231, 94, (), True),
    "a thread": (56, 220, (0x3D0F00,), True),
    "a process": (56, 220, (17,), False),
    "execve": (59, 221, (), False),
    "execveat": (322, 281, (), False),
    "socket": (41, 198, (), False),
    "socketpair": (53, 199, (), False),
    "recv": (45, 207, (3, 0, 8, 0, 0), True),
    "recvfrom": (45, 207, (3, 0, 8, 0, 1 << 33), False),
    "send to somebody": (44, 206, (3, 0, 8, 0, 4096), False),
    "sendmsg": (46, 211, (), False),
    "kill itself": (62, 129, (1234, 9), True),
    "kill another": (62, 129, (1, 9), False),
    "kill all": (62, 129, (2**64 - 1, 9), False),
    "abort": (234, 131, (1234, 1234, 6), True),
    "a thread of another": (234, 131, (1, 1, 9), False),
    "the name of a thread": (157, 167, (15,), True),
    "no longer die with the parent": (157, 167, (1, 0), False),
    "read a limit": (302, 261, (0, 7, 0, 4096), True),
    "set a limit": (302, 261, (0, 7, 1 << 40, 0), False),
    "F_SETFL": (72, 25, (1, 4), True),
    "F_SETOWN": (72, 25, (1, 8, 1), False),
    "F_SETSIG": (72, 25, (1, 10, 9), False),
    "TIOCSTI": (16, 29, (0, 0x5412), False),
    "ptrace": (101, 117, (), False),
    "process_vm_writev": (311, 271, (), False),
    "chmod": (90, None, (), False),
    "fchmodat": (268, 53, (), False),
    "utimensat": (280, 88, (), False),
    "mount": (165, 40, (), False),
    "unshare": (272, 97, (), False),
    "setns": (308, 268, (), False),
    "open_by_handle_at": (304, 265, (), False),
    "bpf": (321, 280, (), False),
    "io_uring_setup": (425, 425, (), False),
    "userfaultfd": (323, 282, (), False),
    "keyctl": (250, 219, (), False),
    "shmget": (29, 194, (), False),
    "setuid": (105, 146, (), False),
    "open to read": (257, 56, (0, 0, 0), True),
    "open to write": (257, 56, (0, 0, 0x241), True),
    "truncate by reading": (257, 56, (0, 0, 0x200), False),
    "unlinkat": (263, 35, (), True),
}  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", CALLS)
def test_the_filter(machine, name):
    number = CALLS[name][("x86_64", "aarch64").index(machine)]
    if number is None:
        pytest.skip("there is no such call")
    assert decides(machine, number, CALLS[name][2]) == (seccomp.ALLOW if CALLS[name][3] else seccomp.DENY)


def test_the_filter_knows_other_tables():
    assert decides("x86_64", 0, audit=0x40000003) == seccomp.KILL  # calls of 32 bits have other numbers
    assert decides("x86_64", seccomp.X32 | 41) == seccomp.ABSENT
    assert decides("x86_64", 435) == decides("aarch64", 435) == seccomp.ABSENT


def test_without_landlock_nothing_is_written():
    for machine, opening, unlinking in (("x86_64", 257, 263), ("aarch64", 56, 35)):
        assert decides(machine, opening, (0, 0, 0), writes=False) == seccomp.ALLOW
        for flags in (1, 2, 0x40, 0x200):
            assert decides(machine, opening, (0, 0, flags), writes=False) == seccomp.DENY
        assert decides(machine, unlinking, writes=False) == seccomp.DENY
