"""Limits by a scope of systemd's."""

import subprocess
from typing import Any

import pytest

from sandboxes.limits import systemd_scope
from sandboxes.limits.systemd_scope import can_scope, scope_command, scope_env


@pytest.fixture(autouse=True)
def fresh() -> None:
    can_scope.cache_clear()


def test_the_command_names_every_limit_and_hands_no_environment_on() -> None:
    words = scope_command(memory=1000, pids=7, cpus=0.5)
    assert words[0] == "systemd-run"
    for limit in ("MemoryMax=1000", "MemorySwapMax=0", "TasksMax=7", "CPUQuota=50%"):
        assert words[words.index(limit) - 1] == "-p"
    assert words[-3:] == ["--", "env", "-i"]


@pytest.mark.parametrize(("root", "user"), [(True, False), (False, True)])
def test_only_root_asks_the_systems_manager(root: bool, user: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd_scope, "is_root", lambda: root)
    assert ("--user" in scope_command(memory=1, pids=1, cpus=1)) == user


def test_nothing_of_the_hosts_environment_but_the_way_to_the_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert scope_env() == {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": "/run/user/7"}


@pytest.mark.parametrize(("code", "can"), [(0, True), (1, False)])
def test_it_is_tried_not_looked_up(code: int, can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[list[str]] = []

    def run(argv: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        tried.append(argv)
        return subprocess.CompletedProcess(argv, code)

    monkeypatch.setattr(systemd_scope, "has_systemd", lambda: True)
    monkeypatch.setattr(systemd_scope.shutil, "which", lambda name, path: f"/usr/bin/{name}")
    monkeypatch.setattr(systemd_scope.subprocess, "run", run)
    assert can_scope() is can
    assert tried[0][-1] == "/bin/true"


def test_without_systemd_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd_scope, "has_systemd", lambda: False)
    monkeypatch.setattr(systemd_scope.subprocess, "run", lambda *args, **options: pytest.fail("it was tried"))
    assert not can_scope()
