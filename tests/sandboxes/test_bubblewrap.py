"""What only the kind `bubblewrap` promises."""

import errno
import struct
from typing import Any

import anyio
import pytest

from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.bubblewrap_evidence import Entered, judge_namespaces
from sandboxes.interface import SandboxHome, SandboxSpec
from sandboxes.owners import this_process
from sandboxes.proc_facts import MountFacts, ProcessFacts
from sandboxes.seccomp_filter import filter_program
from sandboxes.user_choice import User
from tests.hostile.programs import hostile_program

SPEC = SandboxSpec("kit", "run_1", "o", hostile_program("honest"))
PROCESS = ProcessFacts(65534, 65534, "0", "0", True, 2, ("mnt", "pid", "net", "ipc", "uts"), "/usr/bin/python3")
LIMITS = {"Max data size": str(SPEC.memory), "Max core file size": "0", "Max processes": "128"}


def mount(at: str, *options: str, size: str = "") -> MountFacts:
    return MountFacts(at, "ext4", frozenset({"nosuid", *options}), size)


MOUNTS = [mount("/", "ro"), mount("/proc", "ro"), mount("/hostile", "ro"), mount("/tmp", "rw", size="65536k")]


def differences(
    monkeypatch: pytest.MonkeyPatch,
    *,
    process: ProcessFacts = PROCESS,
    mounts: Any = MOUNTS,
    limits: Any = LIMITS,
) -> tuple[str, ...]:
    monkeypatch.setattr("sandboxes.bubblewrap_evidence.read_mounts", lambda pid: mounts)
    monkeypatch.setattr("sandboxes.bubblewrap_evidence.read_limits", lambda pid: limits)
    entered = Entered(uid=65534, filtered=True, counts_outside=True, root=True)
    return judge_namespaces(1, process, spec=SPEC, user=User(65534, 65534), entered=entered).differences


def test_walls_as_declared_leave_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert differences(monkeypatch) == ()


@pytest.mark.parametrize(
    ("altered", "word"),
    [
        ({"process": ProcessFacts(0, 0, "0", "0", True, 2, PROCESS.apart, "")}, "uid 0"),
        ({"process": ProcessFacts(65534, 0, "c0", "0", True, 2, PROCESS.apart, "")}, "capabilities"),
        ({"process": ProcessFacts(65534, 0, "0", "0", False, 2, PROCESS.apart, "")}, "privileges"),
        ({"process": ProcessFacts(65534, 0, "0", "0", True, 0, PROCESS.apart, "")}, "seccomp"),
        ({"process": ProcessFacts(65534, 0, "0", "0", True, 2, ("mnt", "pid", "ipc", "uts"), "")}, "net"),
        ({"limits": {**LIMITS, "Max data size": "unlimited"}}, "memory"),
        ({"mounts": []}, "cannot be read"),
        ({"mounts": [*MOUNTS, mount("/", "rw")]}, "/ is writable"),
        ({"mounts": [*MOUNTS, mount("/proc", "rw")]}, "/proc is writable"),
        ({"mounts": [*MOUNTS, mount("/hostile", "rw")]}, "/hostile is writable"),
        ({"mounts": [item for item in MOUNTS if item.at != "/hostile"]}, "missing"),
        ({"mounts": [*MOUNTS, mount("/tmp", "rw")]}, "/tmp"),
        ({"mounts": [*MOUNTS, MountFacts("/usr", "ext4", frozenset({"ro"}))]}, "set-id"),
    ],
)
def test_each_missing_wall_is_a_difference(altered: Any, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = differences(monkeypatch, **altered)
    assert word in said


@pytest.mark.bubblewrap
async def test_what_is_not_enforced_is_said_by_name(sandbox_home: SandboxHome) -> None:
    spec = SandboxSpec("kit", "run_bwrap", this_process(), hostile_program("honest"))
    with anyio.fail_after(20):
        async with BubblewrapSandbox(sandbox_home).open(spec) as opened:
            notes = " ".join(opened.evidence.notes)
    for name in ("cpus", "memory", "/tmp", "/usr"):
        assert name in notes


def run_filter(machine: str, *, architecture: int, number: int, argument: int = 0) -> int:
    """What the kernel's filter machine would return for one call (the few instructions that are used)."""
    program = filter_program(machine)
    assert program is not None
    steps = list(struct.iter_unpack("=HBBI", program))
    words, value, at = {0: number, 4: architecture, 16: argument}, 0, 0
    while True:
        code, hit, miss, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                value = words[operand]
            case 0x06:
                return operand
            case 0x15:
                at += hit if value == operand else miss
            case 0x35:
                at += hit if value >= operand else miss
            case 0x45:
                at += hit if value & operand else miss
            case _:
                pytest.fail(f"instruction {code:#x}")


ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
X86, ARM = 0xC000003E, 0xC00000B7


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "outcome"),
    [
        ("x86_64", X86, 0, 0, ALLOW),
        ("x86_64", X86, 272, 0, REFUSE),
        ("x86_64", X86, 165, 0, REFUSE),
        ("x86_64", X86, 425, 0, REFUSE),
        ("x86_64", X86, 154, 0, REFUSE),
        ("x86_64", X86, 56, 0x11, ALLOW),
        ("x86_64", X86, 56, 0x10000000, REFUSE),
        ("x86_64", X86, 435, 0, 0x00050000 | errno.ENOSYS),
        ("x86_64", X86, 41, 2, ALLOW),
        ("x86_64", X86, 41, 40, REFUSE),
        ("x86_64", X86, 41, 38, REFUSE),
        ("x86_64", X86, 0x40000000 + 272, 0, REFUSE),
        ("x86_64", 0x40000003, 0, 0, REFUSE),
        ("aarch64", ARM, 63, 0, ALLOW),
        ("aarch64", ARM, 97, 0, REFUSE),
        ("aarch64", ARM, 220, 0x20000, REFUSE),
        ("aarch64", ARM, 198, 40, REFUSE),
        ("aarch64", X86, 63, 0, REFUSE),
    ],
)
def test_the_filter_refuses_what_only_an_escape_needs(
    machine: str, architecture: int, number: int, argument: int, outcome: int
) -> None:
    assert run_filter(machine, architecture=architecture, number=number, argument=argument) == outcome


def test_an_unknown_machine_has_no_filter_rather_than_a_wrong_one() -> None:
    assert filter_program("riscv64") is None
