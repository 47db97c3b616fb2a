"""What only the kind `bubblewrap` promises."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from context.errors import SandboxError
from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.interface import Evidence, Mount, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.limits.cgroup_facts import LiveLimits
from sandboxes.limits.control_groups import can_hold
from sandboxes.processes.evidence import Entered, data_limit, judge_namespaces
from sandboxes.processes.proc_facts import MountFacts, ProcessFacts
from sandboxes.processes.user_choice import User
from tests.hostile.programs import hostile_program

SPEC = SandboxSpec("kit", "run_1", "o", hostile_program("honest"))
PROCESS = ProcessFacts(65534, 65534, "0", "0", True, 2, ("mnt", "pid", "net", "ipc", "uts"), "/usr/bin/python3")
LIMITS = {"Max core file size": "0", "Max processes": "128", "Max file size": str(SPEC.disk)}
GROUPS = LiveLimits(SPEC.memory, SPEC.memory, SPEC.pids, 1.0)
ENTERED = Entered(
    outer_uid=65534, filtered=True, counts_outside=True, root=True, grouped=frozenset({"memory", "pids", "cpus"})
)


def mount(at: str, *options: str, size: str = "") -> MountFacts:
    return MountFacts(at, "ext4", frozenset({"nosuid", *options}), size)


MOUNTS = [mount("/", "ro"), mount("/proc", "ro"), mount("/hostile", "ro"), mount("/tmp", "rw", size="65536k")]


def differences(
    monkeypatch: pytest.MonkeyPatch,
    *,
    process: ProcessFacts = PROCESS,
    mounts: Any = MOUNTS,
    limits: Any = LIMITS,
    groups: LiveLimits = GROUPS,
    entered: Entered = ENTERED,
    written: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    return evidence(monkeypatch, process, mounts, limits, groups, entered, written).differences


def evidence(
    monkeypatch: pytest.MonkeyPatch,
    process: ProcessFacts,
    mounts: Any,
    limits: Any,
    groups: LiveLimits,
    entered: Entered,
    written: frozenset[str] = frozenset(),
) -> Evidence:
    monkeypatch.setattr("sandboxes.processes.evidence.read_mounts", lambda pid: mounts)
    monkeypatch.setattr("sandboxes.processes.evidence.read_limits", lambda pid: limits)
    monkeypatch.setattr("sandboxes.processes.evidence.read_groups", lambda pid: groups)
    spec = replace(SPEC, written=written)
    return judge_namespaces(1, process, spec=spec, user=User(65534, 65534), entered=entered)


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
        ({"limits": {**LIMITS, "Max file size": "unlimited"}}, "size of its files"),
        ({"limits": {**LIMITS, "Max core file size": "unlimited"}}, "core files"),
        ({"groups": replace(GROUPS, memory=None)}, "limits.memory"),
        ({"groups": replace(GROUPS, pids=SPEC.pids + 1)}, "limits.pids"),
        ({"groups": replace(GROUPS, cpus=None)}, "limits.cpus"),
        ({"entered": replace(ENTERED, grouped=frozenset()), "groups": LiveLimits()}, "memory limit"),
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


def test_without_control_groups_a_default_is_noted_and_resource_limits_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = replace(ENTERED, grouped=frozenset())
    limits = {**LIMITS, "Max data size": str(data_limit(SPEC))}
    found = evidence(monkeypatch, PROCESS, MOUNTS, limits, LiveLimits(), alone)
    assert found.differences == ()
    notes = " ".join(found.notes)
    for word in ("memory is measured", "cpus is not enforced", "pids counts against all"):
        assert word in notes


@pytest.mark.bubblewrap
async def test_what_does_not_hold_is_said_by_name(sandbox_home: SandboxHome) -> None:
    spec = SandboxSpec("kit", "run_bwrap", this_process(), hostile_program("honest"))
    with anyio.fail_after(20):
        async with BubblewrapSandbox(sandbox_home).open(spec) as opened:
            notes = " ".join(opened.evidence.notes)
    assert "/usr" in notes
    held = can_hold()
    for limit in ("cpus", "memory"):
        assert (limit in notes) == (limit not in held), notes


@pytest.mark.bubblewrap
@pytest.mark.promise("a_written_limit_is_enforced_or_refused")
async def test_a_written_limit_that_nothing_can_enforce_is_refused_by_name(
    sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.limits.control_groups.group_folder", lambda pid, controller: None)
    monkeypatch.setattr("sandboxes.bubblewrap.has_systemd", lambda: False)
    spec = SandboxSpec("kit", "run_bwrap", this_process(), hostile_program("honest"))
    with anyio.fail_after(20):
        with pytest.raises(
            SandboxError, match=r"limits.cpus and limits.memory cannot be enforced.*remove these limits"
        ):
            async with BubblewrapSandbox(sandbox_home).open(replace(spec, written=frozenset({"memory", "cpus"}))):
                pass
        async with BubblewrapSandbox(sandbox_home).open(spec) as opened:
            assert opened.evidence.differences == ()


@pytest.mark.bubblewrap
async def test_folders_on_the_way_to_a_mount_can_be_passed_by_any_user(
    sandbox_home: SandboxHome, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("there")
    tmp_path.chmod(0o755)
    program = Program(("/bin/sh", "-c", "cat /opt/a/b/there /etc/passwd >&2"))
    spec = SandboxSpec("kit", "run_bwrap", this_process(), program, mounts=(Mount(tmp_path, "/opt/a/b"),))
    with anyio.fail_after(20):
        async with BubblewrapSandbox(sandbox_home).open(spec) as opened:
            assert await opened.exited() == "exited with code 0"
            assert opened.stderr_tail().startswith("theresandbox:x:65534")


@pytest.mark.bubblewrap
async def test_no_server_runs_before_its_control_groups_are_entered(
    sandbox_home: SandboxHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_hold():
        pytest.skip("no control group can be had here")

    def refuse(group: Any, first: int, server: str) -> None:
        time.sleep(0.3)  # As slow as a busy kernel: whoever did not wait would have run by now.
        raise SandboxError("its control group cannot be entered: kit")

    monkeypatch.setattr("sandboxes.bubblewrap._enter", refuse)
    program = Program(("/bin/sh", "-c", "echo ran > /data/ran"))
    spec = SandboxSpec("kit", "run_bwrap", this_process(), program, mounts=(Mount(tmp_path, "/data", "rw"),))
    with anyio.fail_after(20), pytest.raises(SandboxError, match="cannot be entered: kit"):
        async with BubblewrapSandbox(sandbox_home).open(spec):
            pass
    assert list(tmp_path.glob("ran")) == []


@pytest.mark.bubblewrap
async def test_every_process_of_a_server_is_in_its_control_groups(sandbox_home: SandboxHome) -> None:
    if not can_hold():
        pytest.skip("no control group can be had here")
    program = Program(("/bin/sh", "-c", "sleep 20 & cat /proc/1/cgroup /proc/$$/cgroup /proc/$!/cgroup >&2; kill $!"))
    spec = SandboxSpec("kit", "run_bwrap", this_process(), program)
    with anyio.fail_after(20):
        async with BubblewrapSandbox(sandbox_home).open(spec) as opened:
            await opened.exited()
            said = opened.stderr_tail()
    for controller in ("memory", "pids"):
        lines = [line for line in said.splitlines() if controller in line.split(":")[1].split(",")]
        assert len(lines) in {0, 3}, "version 2 has one line for all"
        assert len(set(lines)) <= 1
