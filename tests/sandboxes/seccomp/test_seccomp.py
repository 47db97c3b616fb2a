"""The system-call list, as Docker's profile and as the kernel's own program: one list, and no way around it."""

import ctypes
import errno
import json
import os
import struct
from pathlib import Path
from typing import Any

import anyio
import pytest

from sandboxes.interface import Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.registry import kinds
from sandboxes.seccomp.filter import filter_program
from sandboxes.seccomp.profile import docker_profile
from sandboxes.seccomp.system_call_numbers import NUMBERS
from sandboxes.seccomp.system_calls import ABSENT, ALLOWED, CONDITIONS, REFUSED_BY_NAME

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
ABSENT_CALL = 0x00050000 | errno.ENOSYS
X86, ARM = 0xC000003E, 0xC00000B7
MACHINES = {"x86_64": (0, X86), "aarch64": (1, ARM)}
NEVER = [
    "io_uring_setup",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "bpf",
    "perf_event_open",
    "ptrace",
    "process_vm_readv",
    "kexec_load",
    "init_module",
    "mount",
    "umount2",
    "unshare",
    "setns",
    "clone3",
    "pivot_root",
    "swapon",
    "reboot",
    "open_by_handle_at",
    "memfd_create",
    "execveat",
]


def run_filter(
    machine: str, name: str | int, *, arguments: dict[int, int] | None = None, arch: int | None = None
) -> int:
    """What the kernel's filter machine would return for one call (the few instructions that are used)."""
    program = filter_program(machine)
    assert program is not None
    column, architecture = MACHINES[machine]
    number = NUMBERS[name][column] if isinstance(name, str) else name
    assert number is not None
    words = {0: number, 4: arch or architecture, **{16 + 8 * at: value for at, value in (arguments or {}).items()}}
    steps = list(struct.iter_unpack("=HBBI", program))
    value, at = 0, 0
    while True:
        code, hit, miss, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                value = words.get(operand, 0)
            case 0x06:
                return operand
            case 0x15:
                at += hit if value == operand else miss
            case 0x25:
                at += hit if value > operand else miss
            case 0x35:
                at += hit if value >= operand else miss
            case 0x45:
                at += hit if value & operand else miss
            case _:
                pytest.fail(f"instruction {code:#x}")


def profile_says(name: str, *, arguments: dict[int, int] | None = None) -> str:
    """What an engine's profile comes to for one call: the first rule that fits, else the default."""
    profile = json.loads(docker_profile())
    for rule in profile["syscalls"]:
        if name not in rule["names"] or "s390x" in rule.get("includes", {}).get("arches", ()):
            continue
        fits = True
        for condition in rule.get("args", ()):
            assert condition["op"] == "SCMP_CMP_MASKED_EQ"
            fits &= (arguments or {}).get(condition["index"], 0) & condition["value"] == condition["valueTwo"]
        if fits:
            return rule["action"]
    return profile["defaultAction"]


@pytest.mark.promise("calls_that_only_an_escape_needs_are_refused")
@pytest.mark.parametrize("name", NEVER)
def test_no_call_that_only_an_escape_needs_is_allowed(name: str) -> None:
    assert profile_says(name) == "SCMP_ACT_ERRNO"
    for machine, (column, _) in MACHINES.items():
        if NUMBERS[name][column] is not None:
            assert run_filter(machine, name) in {REFUSE, ABSENT_CALL}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_of_every_call_is_judged_as_the_list_says(machine: str) -> None:
    column = MACHINES[machine][0]
    expected = {NUMBERS[name][column]: ALLOW for name in ALLOWED}
    expected |= {NUMBERS[name][column]: REFUSE for name in REFUSED_BY_NAME}
    conditional = {NUMBERS[name][column] for name in CONDITIONS}
    for number in range(600):
        if number not in conditional:
            assert run_filter(machine, number) == expected.get(number, ABSENT_CALL), number


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", {0: 0x11}, True),
        ("clone", {0: 0x003D0F00}, True),  # A thread.
        ("clone", {0: 0x10000011}, False),
        ("clone", {0: 0x00020011}, False),
        ("clone", {0: 0x02000011}, False),
        ("clone", {0: 0x00800011}, False),  # A child that nobody traces.
        ("socket", {0: 1}, True),
        ("socket", {0: 2}, True),
        ("socket", {0: 16}, True),
        ("socket", {0: 17}, False),
        ("socket", {0: 38}, False),
        ("socket", {0: 40}, False),
        ("socketpair", {0: 1}, True),
        ("socketpair", {0: 2}, False),
        ("personality", {0: 0}, True),
        ("personality", {0: 0xFFFFFFFF}, True),
        ("personality", {0: 0x0040000}, False),
        ("mknodat", {2: 0o010644}, True),
        ("mknodat", {2: 0o100644}, True),
        ("mknodat", {2: 0o020644}, False),
        ("mknodat", {2: 0o060644}, False),
    ],
)
def test_a_condition_holds_in_the_program_and_in_the_profile(
    name: str, arguments: dict[int, int], allowed: bool
) -> None:
    assert (profile_says(name, arguments=arguments) == "SCMP_ACT_ALLOW") == allowed
    for machine in MACHINES:
        assert run_filter(machine, name, arguments=arguments) == (ALLOW if allowed else REFUSE)


def test_high_bits_of_an_argument_change_nothing_in_the_profile() -> None:
    assert profile_says("socket", arguments={0: (1 << 32) | 40}) == "SCMP_ACT_ERRNO"
    assert profile_says("clone", arguments={0: (1 << 32) | 0x10000011}) == "SCMP_ACT_ERRNO"


@pytest.mark.parametrize(
    ("machine", "number", "arch"), [("x86_64", 0x40000000 + 272, None), ("x86_64", 1, 0x40000003), ("aarch64", 63, X86)]
)
def test_another_calling_convention_is_refused_whole(machine: str, number: int, arch: int | None) -> None:
    assert run_filter(machine, number, arch=arch) == REFUSE


def test_an_unknown_machine_has_no_filter_rather_than_a_wrong_one() -> None:
    assert filter_program("riscv64") is None


def test_no_call_stands_in_two_lists_and_each_has_numbers() -> None:
    lists = (ALLOWED, frozenset(CONDITIONS), REFUSED_BY_NAME, ABSENT)
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    assert frozenset().union(*lists) == frozenset(NUMBERS)


def test_the_numbers_are_the_kernels() -> None:
    try:
        resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name_arch
    except OSError:
        pytest.skip("libseccomp is not here to compare with")
    for column, architecture in MACHINES.values():
        for name, both in NUMBERS.items():
            found = resolve(ctypes.c_uint32(architecture), name.encode())
            if found == -1:
                continue  # Newer than this library.
            assert (found if found >= 0 else None) == both[column], name


def test_the_launcher_and_the_program_fit_in_a_command_line() -> None:
    assert len(docker_profile()) < 16_000
    assert len(filter_program("x86_64") or b"") // 8 < 4096


@pytest.mark.parametrize(
    "kind", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)]
)
@pytest.mark.parametrize(
    "script",
    [
        'node -e \'const w = new (require("worker_threads").Worker)("process.exit(0)", {eval: true}); '
        'require("fs").promises.readFile("/etc/passwd").then(() => console.error("fine"))\'',
        "git init -q /tmp/r && cd /tmp/r && echo x > x && git add x && git -c user.name=a -c user.email=b commit -qm x "
        "&& git mv x y && git gc -q && git log --oneline >&2 && echo fine >&2",
        "python3 -c 'import asyncio, multiprocessing as m, sqlite3, ssl, subprocess, sys, tempfile, threading; "
        'asyncio.run(asyncio.create_subprocess_exec("true")); m.Lock(); sqlite3.connect("/tmp/db"); '
        'threading.Thread(target=print).start(); print("fine", file=sys.stderr)\'',
    ],
    ids=["node", "git", "python"],
)
async def test_what_servers_are_made_of_works_under_it(kind: str, script: str, sandbox_home: SandboxHome) -> None:
    path: Any = "/opt/node/bin:/usr/local/bin:/usr/bin:/bin"
    program = Program(("/bin/sh", "-c", script), mounts=_node_mounts(sandbox_home, kind), env={"PATH": path})
    spec = SandboxSpec("kit", "run_calls", this_process(), program)
    with anyio.fail_after(40):
        async with kinds()[kind].make(sandbox_home).open(spec) as opened:
            how = await opened.exited()
    assert how == "exited with code 0", opened.stderr_tail()
    assert "fine" in opened.stderr_tail()


def _node_mounts(home: SandboxHome, kind: str) -> Any:
    from sandboxes.interface import Mount
    from sandboxes.runtime.node import node_folder

    folder = node_folder(home)
    if kind == "docker" or folder is None:
        return ()
    return (Mount(Path(os.path.realpath(folder)), "/opt/node"),)
