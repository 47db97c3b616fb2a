"""Control groups of our own, in either version."""

import os
from pathlib import Path

import pytest

from sandboxes.limits import control_groups
from sandboxes.limits.cgroup_facts import Controller, GroupFolder
from sandboxes.limits.control_groups import can_hold, control_group, reap_groups


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups")
def test_a_control_group_holds_what_it_says_and_goes_with_its_owner() -> None:
    if not can_hold():
        pytest.skip("no control group can be had here")
    with control_group("kit", memory=64 * 1024**2, pids=8, cpus=0.5) as group:
        assert group.held == can_hold()
        assert all(folder.is_dir() for folder in group.folders)
    assert not any(folder.exists() for folder in group.folders)
    left = Path(group.folders[0].parent, f"{_dead_pid()}-kit-left")
    left.mkdir()
    assert reap_groups({"other", "ki"}) == [], "it is of another server"
    assert left.name in reap_groups({"kit"})
    assert not left.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups")
def test_the_group_of_a_living_owner_is_not_reaped() -> None:
    with control_group("kit", memory=64 * 1024**2, pids=8, cpus=0.5) as group:
        reap_groups()
        assert all(folder.is_dir() for folder in group.folders)


def _dead_pid() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text()) + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups")
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            1,
            {
                "memory.limit_in_bytes": "1000",
                "pids.max": "7",
                "cpu.cfs_quota_us": "50000",
                "cpu.cfs_period_us": "100000",
            },
        ),
        (2, {"memory.max": "1000", "memory.swap.max": "0", "pids.max": "7", "cpu.max": "50000 100000"}),
    ],
)
def test_each_version_is_told_the_limits_in_its_own_words(
    version: int, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(pid: object, controller: Controller) -> GroupFolder:
        return GroupFolder(1 if version == 1 else 2, tmp_path, tmp_path)

    monkeypatch.setattr(control_groups, "group_folder", folder)
    monkeypatch.setattr(control_groups, "_REMOVE_SECONDS", 0.0)
    with control_group("kit", memory=1000, pids=7, cpus=0.5) as group:
        assert group.held == {"memory", "pids", "cpus"}
        (made,) = set(group.folders)
        written = {path.name: path.read_text() for path in made.iterdir()}
        assert {name: written[name] for name in expected} == expected
        if version == 2:
            assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu", "the last of three"
        group.add(42)
        assert (made / "cgroup.procs").read_text() == "42"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups")
def test_what_cannot_be_written_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(pid: object, controller: Controller) -> GroupFolder | None:
        place = tmp_path / "not-there" if controller == "memory" else tmp_path
        return None if controller == "cpu" else GroupFolder(1, place, tmp_path)

    monkeypatch.setattr(control_groups, "group_folder", folder)
    monkeypatch.setattr(control_groups, "_REMOVE_SECONDS", 0.0)
    with control_group("kit", memory=1000, pids=7, cpus=0.5) as group:
        assert group.held == {"pids"}
