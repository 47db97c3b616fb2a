"""What the kernel says about a live process: identity, capabilities, filters, namespaces, mounts.

Decides: how `/proc` is read. Does not decide what ought to be there; each kind compares.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts", "user", "cgroup")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process as `/proc` shows it.

    Attributes:
        uid: As its own user namespace counts.
        capabilities: Effective ones, hex as in `CapEff`, without leading zeros.
        bounding: The same for `CapBnd`.
        seccomp: 0 none, 1 strict, 2 filter.
        apart: Namespaces that differ from ours.
        program: What it executes, or empty when that cannot be read.
    """

    uid: int
    gid: int
    capabilities: str
    bounding: str
    no_new_privs: bool
    seccomp: int
    apart: tuple[str, ...]
    program: str


@dataclass(frozen=True, slots=True)
class _IdMap:
    """`/proc/PID/uid_map`: inside, outside (as we count), length."""

    rows: tuple[tuple[int, int, int], ...]

    @classmethod
    def read(cls, folder: Path) -> "_IdMap":
        lines = (folder / "uid_map").read_text().splitlines()
        return cls(tuple((int(a), int(b), int(c)) for a, b, c in (line.split() for line in lines)))

    def inside(self, uid: int) -> int:
        for inner, outer, length in self.rows:
            if outer <= uid < outer + length:
                return inner + uid - outer
        return uid


@dataclass(frozen=True, slots=True)
class MountFacts:
    """One line of `/proc/PID/mountinfo`. `size` as the kernel writes it (`65536k`), or empty."""

    at: str
    kind: str
    options: frozenset[str]
    size: str = ""


def read_process(pid: int) -> ProcessFacts | None:
    """What `/proc/PID` says, or None when the process is gone or not ours to see."""
    folder = Path("/proc") / str(pid)
    try:
        ids = _IdMap.read(folder)
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        apart = tuple(name for name in _NAMESPACES if _namespace(folder, name) != _namespace(Path("/proc/self"), name))
        program = ""
        with suppress(OSError):
            program = str((folder / "exe").readlink())
        return ProcessFacts(
            uid=ids.inside(int(status["Uid"].split()[1])),
            gid=int(status["Gid"].split()[1]),
            capabilities=_short(status["CapEff"]),
            bounding=_short(status["CapBnd"]),
            no_new_privs=status.get("NoNewPrivs") == "1",
            seccomp=int(status.get("Seccomp", "0")),
            apart=apart,
            program=program,
        )
    except (OSError, KeyError, ValueError):
        return None


def read_mounts(pid: int) -> list[MountFacts]:
    """The mounts that the process sees, in the kernel's order; empty when they cannot be read."""
    found: list[MountFacts] = []
    try:
        lines = (Path("/proc") / str(pid) / "mountinfo").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        front, _, back = line.partition(" - ")
        before, behind = front.split(" "), back.split(" ")
        if len(before) < 6 or len(behind) < 3:
            continue
        size = next((part[5:] for part in behind[2].split(",") if part.startswith("size=")), "")
        found.append(MountFacts(unescaped(before[4]), behind[0], frozenset(before[5].split(",")), size))
    return found


def read_limits(pid: int) -> dict[str, str]:
    """Soft resource limits by the kernel's own names, e.g. `Max processes` → `128`; empty when unreadable."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in (Path("/proc") / str(pid) / "limits").read_text().splitlines()[1:]:
            parts = re.split(r"\s{2,}", line.strip())
            if len(parts) >= 2:
                found[parts[0]] = parts[1]
    return found


def threads_of(uid: int) -> int:
    """How many threads this user has now, as the kernel counts them for the process limit."""
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                status = (folder / "status").read_text()
                if int(status.partition("\nUid:")[2].split(None, 1)[0]) == uid:
                    count += int(status.partition("\nThreads:")[2].split(None, 1)[0])
    return count


def children(pid: int) -> list[int]:
    """Direct children of a process, over all its threads."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        for task in (Path("/proc") / str(pid) / "task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def start_time(pid: int) -> str | None:
    """Clock ticks since boot at which the process began; None when it is gone or a zombie."""
    try:
        stat = (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in {"Z", "X"} else fields[19]


def _namespace(folder: Path, name: str) -> str:
    return str((folder / "ns" / name).readlink())


def _short(hex_digits: str) -> str:
    return hex_digits.strip().lstrip("0") or "0"


def unescaped(path: str) -> str:
    """A path as the kernel writes it in `mountinfo`, made readable."""
    # The kernel writes space, tab, newline and backslash in a mount point as octal escapes.
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
