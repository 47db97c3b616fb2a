"""What the kernel's control groups say of a process, in either version."""

from pathlib import Path

import pytest

from sandboxes.interface import Program, SandboxSpec
from sandboxes.limits import cgroup_facts
from sandboxes.limits.cgroup_facts import GroupFolder, LiveLimits, cgroup_version, group_folder, read_limits
from sandboxes.limits.live_limits import limit_faults

SPEC = SandboxSpec("kit", "run_1", "o", Program(("x",)), memory=1000, pids=8)
ALL = frozenset({"memory", "pids", "cpus"})


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def limits(root: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> LiveLimits:
    folder = GroupFolder(1 if version == 1 else 2, root / "a" / "b", root)
    monkeypatch.setattr(cgroup_facts, "group_folder", lambda pid, controller: folder)
    return read_limits(1)


def test_version_1_and_a_limit_of_a_group_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(
        tmp_path,
        {
            "a/b/memory.limit_in_bytes": "2000\n",
            "a/memory.limit_in_bytes": "1000\n",
            "memory.limit_in_bytes": "9223372036854771712\n",
            "a/b/memory.memsw.limit_in_bytes": "3000\n",
            "a/b/pids.max": "max\n",
            "pids.max": "8\n",
            "a/b/cpu.cfs_quota_us": "150000\n",
            "a/b/cpu.cfs_period_us": "100000\n",
        },
    )
    assert limits(tmp_path, 1, monkeypatch) == LiveLimits(1000, 3000, 8, 1.5)


def test_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(
        tmp_path,
        {
            "a/b/memory.max": "1000\n",
            "a/b/memory.swap.max": "0\n",
            "a/pids.max": "8\n",
            "a/b/cpu.max": "50000 100000\n",
        },
    )
    assert limits(tmp_path, 2, monkeypatch) == LiveLimits(1000, 1000, 8, 0.5)


@pytest.mark.parametrize("version", [1, 2])
def test_no_limit_reads_as_none(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(
        tmp_path,
        {
            "a/b/memory.limit_in_bytes": "9223372036854771712",
            "a/b/memory.max": "max",
            "a/b/pids.max": "max",
            "a/b/cpu.cfs_quota_us": "-1",
            "a/b/cpu.cfs_period_us": "100000",
            "a/b/cpu.max": "max 100000",
        },
    )
    assert limits(tmp_path, version, monkeypatch) == LiveLimits()


@pytest.mark.parametrize(
    ("lines", "mounts", "expected"),
    [
        ("4:cpu,cpuacct:/x\n3:memory:/docker/1\n0::/u\n", [(1, "/cg/memory", "/", "memory")], "/cg/memory/docker/1"),
        ("3:memory:/docker/1\n", [(1, "/cg/memory", "/docker", "rw,memory")], "/cg/memory/1"),
        ("3:memory:/elsewhere\n", [(1, "/cg/memory", "/docker", "memory")], None),
        ("0::/u/s\n", [(2, "/cg", "/", "rw")], None),  # No controller is handed down to it.
        ("", [], None),
    ],
)
def test_the_group_is_found_where_it_is_mounted(
    lines: str, mounts: list[tuple[int, str, str, str]], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = "".join(
        f"30 20 0:26 {root} {at} rw - cgroup{'2' if version == 2 else ''} cgroup {options}\n"
        for version, at, root, options in mounts
    )
    texts = {"/proc/7/cgroup": lines, "/proc/self/mountinfo": info}
    monkeypatch.setattr(Path, "read_text", lambda self: texts.get(str(self), ""))
    found = group_folder(7, "memory")
    assert (str(found.path) if found else None) == expected


def test_this_machine_says_which_version_it_has() -> None:
    assert cgroup_version() in {"1", "2", "none"}


@pytest.mark.parametrize(
    ("live", "tell", "written", "wrong", "noted"),
    [
        (LiveLimits(1000, 1000, 8, 1.0), ALL, (), [], []),
        (LiveLimits(1000, None, 8, 1.0), ALL, (), [], ["swap is not counted"]),
        (LiveLimits(2000, 2000, 8, 1.0), ALL, (), ["limits.memory does not stand: the kernel holds it to 2000"], []),
        (
            LiveLimits(1000, 1000, None, 1.0),
            ALL,
            (),
            ["limits.pids does not stand: the kernel holds it to nothing"],
            [],
        ),
        (LiveLimits(1000, 1000, 8, None), (), (), [], ["cpus is not enforced"]),
        (LiveLimits(1000, 1000, 8, None), (), ("cpus",), ["limits.cpus does not stand"], []),
    ],
)
def test_a_limit_that_was_promised_or_written_and_does_not_stand_is_a_difference(
    live: LiveLimits, tell: frozenset[str], written: tuple[str, ...], wrong: list[str], noted: list[str]
) -> None:
    from dataclasses import replace

    spec = replace(SPEC, written=frozenset(written))
    _, differences, notes = limit_faults(live, spec, cpus=1.0, tell=tell)
    assert len(differences) == len(wrong)
    assert len(notes) == len(noted)
    for found, word in zip([*differences, *notes], [*wrong, *noted], strict=True):
        assert word in found
