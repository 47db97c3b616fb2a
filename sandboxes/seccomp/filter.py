"""The system-call list as the kernel's own filter program, for kinds whose engine brings none.

Decides: the classic BPF program (seccomp(2), `SECCOMP_SET_MODE_FILTER`). Does not decide which calls are allowed
(`system_calls`), and stands beside everything else that does.

Other ABIs of the same machine are refused whole, or they would be a way around.
"""

import os
import struct
from collections.abc import Iterable

from sandboxes.seccomp.system_call_numbers import NUMBERS
from sandboxes.seccomp.system_calls import ALLOWED, CONDITIONS, ENOSYS, EPERM, REFUSED_BY_NAME, Condition

_X32_BIT = 0x40000000
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000
_LOAD, _EQUAL, _GREATER, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter as an array of `struct sock_filter`, or None for a machine whose numbers we do not have.

    Args:
        machine: As `uname -m` says; None for this one.
    """
    machine = machine or os.uname().machine
    if machine not in _ARCHITECTURES:
        return None
    column, architecture = _ARCHITECTURES[machine]
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, hit=1),
        _refuse(EPERM),
        _step(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [_step(_GREATER_EQUAL, _X32_BIT, miss=1), _refuse(EPERM)]
    for name, condition in CONDITIONS.items():
        if (number := NUMBERS[name][column]) is not None:
            body = _judge(condition)
            steps += [_step(_EQUAL, number, miss=len(body)), *body]
    for outcome, names in ((_step(_RETURN, _ALLOW), ALLOWED), (_refuse(EPERM), REFUSED_BY_NAME)):
        for first, last in _ranges(names, column):
            # Below the range nothing of this list can follow; the next list looks again.
            steps += [_step(_GREATER_EQUAL, first, miss=2), _step(_GREATER, last, hit=1), outcome]
    return b"".join([*steps, _refuse(ENOSYS)])


def _judge(condition: Condition) -> list[bytes]:
    """Ends the program one way or the other. Little-endian: an argument's low half comes first."""
    load = _step(_LOAD, _ARGUMENTS_AT + 8 * condition.argument)
    allow = _step(_RETURN, _ALLOW)
    if condition.test == "lacks":
        return [load, _step(_ANY_BIT, condition.values[0], miss=1), _refuse(EPERM), allow]
    steps = [load]
    for value in condition.values:
        steps += [_step(_EQUAL, value, miss=1), allow]
    return [*steps, _refuse(EPERM)]


def _ranges(names: Iterable[str], column: int) -> list[tuple[int, int]]:
    """The names' numbers as first and last of each unbroken row, ascending."""
    numbers = sorted(number for name in names if (number := NUMBERS[name][column]) is not None)
    rows: list[tuple[int, int]] = []
    for number in numbers:
        if rows and number == rows[-1][1] + 1:
            rows[-1] = (rows[-1][0], number)
        else:
            rows.append((number, number))
    return rows


def _refuse(errno: int) -> bytes:
    return _step(_RETURN, _REFUSE | errno)


def _step(code: int, operand: int, *, hit: int = 0, miss: int = 0) -> bytes:
    return struct.pack("=HBBI", code, hit, miss, operand)
