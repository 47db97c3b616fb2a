"""Probes of the kernel's interfaces: powers, namespaces, tracing, and calls that only an escape needs.

Decides: what is tried and what counts as having worked. Does not decide the walls. Runs inside the sandbox.
"""

import ctypes
import errno
import os
import resource
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sandboxes.probes.inside.trials import LIBC, NotApplicable, Setup, Trials, system_call

_NEW = {"user": 0x10000000, "mount": 0x00020000, "network": 0x40000000, "process": 0x20000000}
_SIGCHLD = 17
_PTRACE_ATTACH, _PTRACE_SEIZE = 16, 0x4206
_MS_BIND, _MS_REMOUNT = 4096, 32
_OPEN_TREE_CLONE = 1
_AT_FDCWD = -100
_GET_SECCOMP, _GET_NO_NEW_PRIVS = 21, 39
_SECRETS = "/run/secrets"
_MEMORY = ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/kmsg", "/dev/kmsg")


def identity(setup: Setup, trials: Trials) -> None:
    if os.getuid() == 0:
        trials.note("not_applicable", "it is uid 0 already, because its rw mount is root's", "setuid(0)")
        trials.refused("to another user", lambda: _os(lambda: os.setuid(12345)))
        trials.refused("to another group", lambda: _os(lambda: os.setgid(12345)))
    else:
        # A user namespace without an id 0 calls it an invalid argument: there is no such user to become.
        trials.refused("setuid(0)", lambda: _os(lambda: os.setuid(0)), also=errno.EINVAL)
        trials.refused("setresuid(0, 0, 0)", lambda: _os(lambda: os.setresuid(0, 0, 0)), also=errno.EINVAL)
        trials.refused("setgid(0)", lambda: _os(lambda: os.setgid(0)), also=errno.EINVAL)
    trials.refused("setgroups", lambda: _os(lambda: os.setgroups([0, 12345])))
    header, everything = struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *([0xFFFFFFFF] * 6))
    trials.call("capset", setup, "capset", header, everything)


def mounts(setup: Setup, trials: Trials) -> None:
    trials.refused("chroot", lambda: _os(lambda: os.chroot("/tmp")))
    trials.call("a tmpfs", setup, "mount", b"none", b"/tmp", b"tmpfs", 0, None)
    trials.call("a bind mount", setup, "mount", b"/", b"/tmp", None, _MS_BIND, None)
    trials.call(
        "a read-only mount made writable", setup, "mount", None, setup.ro.encode(), None, _MS_BIND | _MS_REMOUNT, None
    )
    trials.call("umount", setup, "umount2", setup.ro.encode(), 0)
    trials.call("open_tree", setup, "open_tree", _AT_FDCWD, b"/", _OPEN_TREE_CLONE)
    trials.call("fsopen", setup, "fsopen", b"tmpfs", 0)
    trials.call("pivot_root", setup, "pivot_root", b"/tmp", b"/tmp")


def namespaces(setup: Setup, trials: Trials) -> None:
    for name, flag in _NEW.items():
        trials.call(f"unshare, {name}", setup, "unshare", flag)
    trials.refused("clone, user", lambda: _clone(setup, _NEW["user"]))
    trials.refused("clone3, user", lambda: _clone3(setup, _NEW["user"]))
    own = [path for name in ("mnt", "net", "user") if os.path.lexists(path := f"/proc/self/ns/{name}")]
    if own:
        trials.refused("setns", lambda: system_call(setup.numbers["setns"], os.open(own[0], os.O_RDONLY), 0))
    else:
        trials.note("not_applicable", "no namespace is shown", "setns")


def tracing(setup: Setup, trials: Trials) -> None:
    if os.getpid() == 1:
        raise NotApplicable("the server is process 1 itself")
    trials.call("ptrace seize", setup, "ptrace", _PTRACE_SEIZE, 1, 0, 0)
    trials.call("ptrace attach", setup, "ptrace", _PTRACE_ATTACH, 1, 0, 0)
    trials.refused("its memory, read", lambda: _read_memory(setup))
    trials.run("/proc/1/mem", lambda: _read("/proc/1/mem", empty_is_denied=True))
    trials.refused("one of its files", lambda: _take_file(setup))


def programs(setup: Setup, trials: Trials) -> None:
    array = struct.pack("=4I", 2, 4, 4, 1) + b"\0" * 112
    trials.call("bpf map", setup, "bpf", 0, array, len(array))
    event = struct.pack("=IIQ", 1, 112, 0) + b"\0" * 96
    trials.call("perf event", setup, "perf_event_open", event, 0, -1, -1, 0)


def faults_and_keys(setup: Setup, trials: Trials) -> None:
    trials.call("userfaultfd", setup, "userfaultfd", 0)
    trials.call("userfaultfd, user mode", setup, "userfaultfd", 1)
    trials.call("add_key", setup, "add_key", b"user", b"gatehost-probe", b"x", 1, -1)
    trials.call("request_key", setup, "request_key", b"user", b"gatehost-probe", None, 0)
    trials.call("keyctl", setup, "keyctl", 0, -3, 0)


def io_uring(setup: Setup, trials: Trials) -> None:
    trials.call("io_uring_setup", setup, "io_uring_setup", 1, b"\0" * 120)


def kernel_code(setup: Setup, trials: Trials) -> None:
    trials.call("kexec_load", setup, "kexec_load", 0, 0, None, 0)
    trials.call("kexec_file_load", setup, "kexec_file_load", -1, -1, 0, None, 0)
    trials.call("init_module", setup, "init_module", b"", 0, b"")
    trials.call("finit_module", setup, "finit_module", -1, b"", 0)
    trials.call("delete_module", setup, "delete_module", b"gatehost_probe", 0)


def settings(setup: Setup, trials: Trials) -> None:
    """Opened only: whatever is written there would take effect."""
    for path in (
        *("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe"),
        *("/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper", "/proc/sys/kernel/hostname"),
    ):
        trials.run(path, lambda path=path: os.close(os.open(path, os.O_WRONLY)))


def memory_files(setup: Setup, trials: Trials) -> None:
    for path in _MEMORY:
        trials.run(path, lambda path=path: _read(path, empty_is_denied=True))


def secret(setup: Setup, trials: Trials) -> None:
    """The sandbox was given a secret; it is looked for everywhere but where it belongs."""
    value = Path(f"{_SECRETS}/PROBE").read_bytes()
    if len(value) < 16:
        raise NotApplicable("the secret did not arrive, so nothing can be looked for")
    searched = 0
    for pid in [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]:
        for name in ("environ", "cmdline"):
            with suppress(OSError):
                held = Path(f"/proc/{pid}/{name}").read_bytes()
                searched += 1
                if value in held:
                    trials.note("allowed", "holds the secret", f"/proc/{pid}/{name}")
    trials.note("denied", f"the secret stands in none of {searched} files", "/proc/*/environ, /proc/*/cmdline")
    trials.run("the secret, changed", lambda: os.close(os.open(f"{_SECRETS}/PROBE", os.O_WRONLY)))


def control_groups(setup: Setup, trials: Trials) -> None:
    lines = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    places = [front.split(" ")[4] for front, back in lines if back.split(" ")[0].startswith("cgroup")]
    for place in places:
        for name in ("release_agent", "notify_on_release", "cgroup.procs"):
            trials.run(f"{place}/{name}", lambda p=f"{place}/{name}": os.close(os.open(p, os.O_WRONLY)))
        trials.run(f"a group in {place}", lambda place=place: Path(f"{place}/gatehost-probe").mkdir())
    trials.call("a mount of version 1", setup, "mount", b"none", b"/tmp", b"cgroup", 0, b"memory")
    trials.call("a mount of version 2", setup, "mount", b"none", b"/tmp", b"cgroup2", 0, None)


def powers(setup: Setup, trials: Trials) -> None:
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
        held = int(status.get(name, "0"), 16)
        trials.note("allowed" if held else "denied", f"{held:x}" if held else "none", name)
    privileged = LIBC.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1
    trials.note("allowed" if privileged else "denied", "off" if privileged else "on", "no_new_privs")
    seccomp = status.get("Seccomp", "").strip() or "none"
    if seccomp == "2":
        trials.note("denied", "on", "seccomp")
    elif setup.own_kernel:
        why = "the runtime's own kernel answers every call; this machine's kernel sees none of them"
        trials.note("not_applicable", why, "seccomp")
    else:
        trials.note("allowed", f"off ({seccomp})", "seccomp")
    core = resource.getrlimit(resource.RLIMIT_CORE)[1]
    trials.note("allowed" if core else "denied", str(core) if core else "none", "core files")
    named = socket.gethostname()
    trials.note("denied" if named == "sandbox" else "allowed", named, "host name")


def _os(call: Callable[[], object]) -> int:
    """0, or the error number; in a child (see `Trials.refused`)."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


def _clone(setup: Setup, flag: int) -> int:
    ctypes.set_errno(0)
    made = LIBC.syscall(ctypes.c_long(setup.numbers["clone"]), ctypes.c_long(flag | _SIGCHLD), None, None, None, None)
    if made == 0:
        os._exit(0)
    return ctypes.get_errno() if made < 0 else 0


def _clone3(setup: Setup, flag: int) -> int:
    arguments = struct.pack("=8Q", flag, 0, 0, 0, _SIGCHLD, 0, 0, 0)
    ctypes.set_errno(0)
    made = LIBC.syscall(ctypes.c_long(setup.numbers["clone3"]), arguments, ctypes.c_long(64))
    if made == 0:
        os._exit(0)
    return ctypes.get_errno() if made < 0 else 0


def _read_memory(setup: Setup) -> int:
    buffer = ctypes.create_string_buffer(8)
    local = struct.pack("=2Q", ctypes.addressof(buffer), 8)
    remote = struct.pack("=2Q", 0x400000, 8)
    return system_call(setup.numbers["process_vm_readv"], 1, local, 1, remote, 1, 0)


def _take_file(setup: Setup) -> int:
    handle = os.pidfd_open(1)
    return system_call(setup.numbers["pidfd_getfd"], handle, 0, 0)


def _read(path: str, *, empty_is_denied: bool) -> str:
    with Path(path).open("rb", buffering=0) as file:
        os.set_blocking(file.fileno(), False)
        data = file.read(16)
    if empty_is_denied and not data:
        raise OSError(0, "masked: it reads as empty")
    return "it could be read"
