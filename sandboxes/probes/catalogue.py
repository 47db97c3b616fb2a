"""The 28 probes: what each is called, and which attempts it consists of.

Decides: numbers, names, order, and which attempts are expected to end the whole sandbox when its limits hold. Does not
decide how anything is tried (`inside`) nor what an outcome means (`rows`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, by the name that the program inside knows.

    Attributes:
        may_end: A limit that holds may take the whole sandbox with it; that is a refusal too.
        network: Tried only inside a sandbox that was seen to have no network.
        seconds: How long it may take.
    """

    name: str
    may_end: bool = False
    network: bool = False
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Probe:
    number: int
    name: str
    attempts: tuple[Attempt, ...]


def _probe(number: int, name: str, *attempts: Attempt | str) -> Probe:
    return Probe(number, name, tuple(Attempt(item) if isinstance(item, str) else item for item in attempts))


PROBES: tuple[Probe, ...] = (
    _probe(1, "write / and /etc/passwd", "root"),
    _probe(2, "write outside the declared mounts", "elsewhere"),
    _probe(3, "execute from a writable place", "execution"),
    _probe(4, "TCP to a public address", Attempt("public", network=True)),
    _probe(5, "metadata address", Attempt("metadata", network=True)),
    _probe(6, "bridge gateway and host ports", Attempt("gateway", network=True, seconds=40)),
    _probe(7, "DNS exfiltration", Attempt("names", network=True)),
    _probe(8, "host.docker.internal", Attempt("host_name", network=True)),
    _probe(9, "engine socket", "engine_socket"),
    _probe(10, "raw and packet sockets", "raw"),
    _probe(11, "setuid(0)", "identity"),
    _probe(12, "chroot, mount", "mounts"),
    _probe(13, "unshare user and mount namespaces", "namespaces"),
    _probe(14, "ptrace process 1", "tracing"),
    _probe(15, "bpf, perf_event_open", "programs"),
    _probe(16, "userfaultfd, add_key", "faults_and_keys"),
    _probe(17, "io_uring_setup", "io_uring"),
    _probe(18, "kexec, init_module", "kernel_code"),
    _probe(19, "sysrq-trigger, core_pattern", "settings"),
    _probe(20, "/proc/kcore, /dev/mem", "memory_files"),
    _probe(21, "secrets in /proc/*/environ", "secret"),
    _probe(22, "cgroup release_agent", "control_groups"),
    _probe(23, "mknod", "devices"),
    _probe(24, "fork bomb", Attempt("processes", may_end=True, seconds=40)),
    _probe(25, "memory beyond the limit", Attempt("memory", may_end=True, seconds=40)),
    _probe(26, "no capabilities, no_new_privs, seccomp", "powers"),
    _probe(27, "set-id programs gain nothing", Attempt("set_id", seconds=40)),
    _probe(
        28,
        "fill writable mounts and logs",
        "logs",
        Attempt("scratch_full", may_end=True),
        Attempt("big_file", may_end=True),
        Attempt("many_files", may_end=True, seconds=40),
    ),
)
"""In the order of the threat model; what may end a sandbox starts the next attempt in a new one."""
