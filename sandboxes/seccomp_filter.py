"""A small system-call filter for kinds whose engine brings none: calls that only an escape needs, refused.

Decides: the list, and the classic BPF program that the kernel takes (seccomp(2), `SECCOMP_SET_MODE_FILTER`).
Does not decide an allow-list: what is not named here passes, subject to everything else that stands.

New user namespaces are the point: they hand a process capabilities over a fresh set of kernel interfaces. On
top come mounts, tracing, kernel keys, io_uring, bpf, modules, and sockets (vsock reaches past the network
namespace to a hypervisor). Other ABIs of the same machine are refused whole, or they would be a way around.
"""

import os
import struct

_EPERM = 1
_ENOSYS = 38
_NAMESPACE_FLAGS = 0x7E020080
"""CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}."""

_X32_BIT = 0x40000000
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000
_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_AT = 0, 4, 16
_REFUSED_SOCKETS = (38, 40)  # AF_ALG, AF_VSOCK

# name: (x86_64, aarch64); None where the architecture has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE = (56, 220)
_CLONE3 = 435
_SOCKET = (41, 198)


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter as an array of `struct sock_filter`, or None for a machine that the list does not cover.

    Args:
        machine: As `uname -m` says; None for this one.
    """
    machine = machine or os.uname().machine
    if machine not in _ARCHITECTURES:
        return None
    column, architecture = _ARCHITECTURES[machine]
    refuse = _step(_RETURN, _REFUSE | _EPERM)
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, hit=1),
        refuse,
        _step(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [_step(_GREATER_EQUAL, _X32_BIT, miss=1), refuse]
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [_step(_EQUAL, number, miss=1), refuse]
    # The flags of clone3 lie behind a pointer that no filter can follow; without it, libraries fall back to clone.
    steps += [_step(_EQUAL, _CLONE3, miss=1), _step(_RETURN, _REFUSE | _ENOSYS)]
    steps += [
        _step(_EQUAL, _CLONE[column], miss=4),
        _step(_LOAD, _ARGUMENT_AT),
        _step(_ANY_BIT, _NAMESPACE_FLAGS, miss=1),
        refuse,
        _step(_RETURN, _ALLOW),
    ]
    steps += [_step(_EQUAL, _SOCKET[column], miss=2 + 2 * len(_REFUSED_SOCKETS)), _step(_LOAD, _ARGUMENT_AT)]
    for family in _REFUSED_SOCKETS:
        steps += [_step(_EQUAL, family, miss=1), refuse]
    return b"".join([*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _ALLOW)])


def _step(code: int, operand: int, *, hit: int = 0, miss: int = 0) -> bytes:
    return struct.pack("=HBBI", code, hit, miss, operand)
