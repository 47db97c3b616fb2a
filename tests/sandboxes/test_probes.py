"""The 28 probes on live sandboxes, and that they notice a wall that is missing."""

import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio
import pytest

import sandboxes.bubblewrap
import sandboxes.docker
from context.errors import SandboxError
from sandboxes.containers.api import ContainerApi
from sandboxes.interface import OpenSandbox, Sandbox, SandboxHome, SandboxKind, SandboxSpec
from sandboxes.limits.disk_watch import DiskWatch
from sandboxes.probes import PROBES, Row, probe_sandbox, table
from sandboxes.probes.catalogue import Attempt, Probe
from sandboxes.probes.inside.server import ATTEMPTS
from sandboxes.probes.rows import row
from sandboxes.registry import get

NOT_ON_GVISOR = {3}
"""gVisor executes files of a writable bind mount: no Landlock, and the engine cannot mount them otherwise."""


@lru_cache
def _runtimes() -> frozenset[str]:
    try:
        with ContainerApi(timeout=5) as api:
            return frozenset(api.traits().runtimes)
    except SandboxError:
        return frozenset()


def test_there_are_28_and_each_attempt_exists_once() -> None:
    assert [probe.number for probe in PROBES] == list(range(1, 29))
    named = [attempt.name for probe in PROBES for attempt in probe.attempts]
    assert sorted(named) == sorted(ATTEMPTS)


@pytest.mark.promise("every_way_out_is_closed")
@pytest.mark.docker
async def test_all_28_are_denied_under_docker(sandbox_home: SandboxHome) -> None:
    with anyio.fail_after(120):
        probed = await probe_sandbox(get("docker"), sandbox_home)
    assert {item.probe: item.detail for item in probed.rows if item.outcome != "denied"} == {}
    assert len(probed.rows) == 28
    assert probed.held


@pytest.mark.promise("every_way_out_is_closed")
@pytest.mark.bubblewrap
async def test_all_28_are_denied_under_bubblewrap_where_control_groups_can_be_had(sandbox_home: SandboxHome) -> None:
    from sandboxes.limits.control_groups import can_hold

    expected = set() if can_hold() else {25}
    with anyio.fail_after(120):
        probed = await probe_sandbox(get("bubblewrap"), sandbox_home)
    assert {
        item.probe: item.detail for item in probed.rows if item.outcome == "allowed" and item.probe not in expected
    } == {}


@pytest.mark.docker
async def test_gvisor_denies_all_but_what_it_cannot(sandbox_home: SandboxHome) -> None:
    if "runsc" not in _runtimes():
        pytest.skip("the engine has no runtime called runsc")
    with anyio.fail_after(200):
        probed = await probe_sandbox(get("docker"), sandbox_home, runtime="runsc")
    assert {item.probe for item in probed.rows if item.outcome == "allowed"} <= NOT_ON_GVISOR
    assert any("can be executed" in note for note in probed.evidence.notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns a folder of root's")
@pytest.mark.parametrize(
    "kind", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)]
)
async def test_a_server_of_a_folder_of_roots_gets_no_further(kind: str, sandbox_home: SandboxHome) -> None:
    only = (1, 2, 3, 9, 11, 12, 13, 14, 19, 20, 22, 23, 26, 27)
    with anyio.fail_after(120):
        probed = await probe_sandbox(get(kind), sandbox_home, root_owned=True, only=only)
    assert {item.probe: item.detail for item in probed.rows if item.outcome == "allowed"} == {}
    assert any("uid 0" in note for note in probed.evidence.notes)


async def test_nothing_is_ever_tried_without_walls(sandbox_home: SandboxHome) -> None:
    with pytest.raises(SandboxError, match="no walls"):
        await probe_sandbox(get("unconfined"), sandbox_home)


class _Differing:
    """A real sandbox whose evidence shows a difference."""

    def __init__(self, inner: Sandbox) -> None:
        self._inner = inner

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[OpenSandbox, None]:
        async with self._inner.open(spec) as opened:
            opened._evidence = replace(opened.evidence, differences=("it has a network",))  # type: ignore[attr-defined]
            yield opened

    async def reap(self) -> list[str]:
        return await self._inner.reap()


@pytest.mark.bubblewrap
async def test_nothing_is_tried_where_a_wall_is_not_as_declared(sandbox_home: SandboxHome) -> None:
    kind = get("bubblewrap")
    differing = SandboxKind(kind.name, True, kind.unavailable, lambda home: _Differing(kind.make(home)))
    with anyio.fail_after(30), pytest.raises(SandboxError, match=r"nothing is tried.*it has a network"):
        await probe_sandbox(differing, sandbox_home)


def _without(name: str, change: Callable[[Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Docker's configuration with one setting changed after the code that builds it."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        build = sandboxes.docker._config

        def changed(*args: Any, **options: Any) -> Any:
            config = build(*args, **options)
            config["HostConfig"][name] = change(config["HostConfig"][name])
            return config

        monkeypatch.setattr("sandboxes.docker._config", changed)
        # The evidence would notice, and nothing would be tried.
        monkeypatch.setattr("sandboxes.docker._evidence", _blind(sandboxes.docker._evidence))

    return patch


def _blind(look: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: replace(look(*args, **options), differences=())


@pytest.mark.docker
@pytest.mark.parametrize(
    ("setting", "change", "only"),
    [
        ("SecurityOpt", lambda _: ["no-new-privileges", "seccomp=unconfined"], {3, 13, 17}),
        ("ReadonlyRootfs", lambda _: False, {1, 2}),
        ("Tmpfs", lambda _: {"/tmp": "rw,exec,size=16m,mode=1777"}, set()),
        ("PidsLimit", lambda _: 2000, {24}),
        ("Memory", lambda _: 2**30, {25}),
        ("CapDrop", lambda _: [], {26}),
        ("Ulimits", lambda _: [], {26, 28}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_missing_wall_is_noticed_by_its_probe(
    setting: str, change: Any, only: set[int], sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without(setting, change)(monkeypatch)
    if setting == "Memory":
        _without("MemorySwap", change)(monkeypatch)
    if setting == "ReadonlyRootfs":
        monkeypatch.setattr("sandboxes.processes.user_choice.NOBODY", 0)  # Only root may write where root owns.
        monkeypatch.setattr("sandboxes.probes.runner.NOBODY", 0)
    with anyio.fail_after(120):
        probed = await probe_sandbox(get("docker"), sandbox_home, only=sorted(only | {3}))
    assert {item.probe for item in probed.rows if item.outcome == "allowed"} == only


@pytest.mark.docker
async def test_without_the_launcher_a_writable_mount_executes(
    sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.docker.unheld", lambda: "as on an old kernel")
    with anyio.fail_after(60):
        probed = await probe_sandbox(get("docker"), sandbox_home, only=(3,))
    assert probed.rows[0].outcome == "allowed"
    assert "/probe/rw" in probed.rows[0].detail
    assert "/tmp" not in probed.rows[0].detail
    assert any("as on an old kernel" in note for note in probed.evidence.notes)


@pytest.mark.bubblewrap
async def test_without_a_control_group_memory_is_not_held_and_that_is_seen(
    sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.limits.control_groups.group_folder", lambda pid, controller: None)
    monkeypatch.setattr("sandboxes.bubblewrap.has_systemd", lambda: False)
    with anyio.fail_after(60):
        probed = await probe_sandbox(get("bubblewrap"), sandbox_home, only=(24, 25))
    assert {item.probe: item.outcome for item in probed.rows} == {24: "denied", 25: "allowed"}
    assert any("memory bounds each process" in note for note in probed.evidence.notes)


def test_the_worst_outcome_of_a_probes_attempts_is_its_outcome() -> None:
    probe = Probe(1, "x", (Attempt("a"),))
    assert row(probe, [("denied", "a"), ("allowed", "b"), ("not_applicable", "c")]).outcome == "allowed"
    assert row(probe, [("denied", "a"), ("not_applicable", "c")]) == Row(1, "x", "denied", "a; not applicable: c")
    assert row(probe, [("not_applicable", "c")]).outcome == "not_applicable"
    assert row(probe, []).outcome == "allowed"
    assert "\\u202e" in row(probe, [("denied", "\u202e")]).detail


def test_the_table_shows_every_probe_and_explains_what_is_not_denied() -> None:
    rows = [Row(probe.number, probe.name, "denied", "") for probe in PROBES[1:]]
    text = table({"docker, runc": rows, "other": [Row(1, PROBES[0].name, "allowed", "wrote | it")]})
    lines = text.splitlines()
    assert lines[0] == "| # | probe | docker, runc | other |"
    assert lines[2] == "| 1 | write / and /etc/passwd |  | **allowed** |"
    assert sum(line.startswith("| ") for line in lines) == 29
    assert lines[-1] == "- other, 1 write / and /etc/passwd: allowed: wrote \\| it"


def test_what_was_added_to_writable_folders_is_counted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(os.urandom(3 * 2**20))
    watch = DiskWatch([tmp_path], 2**20, clock=lambda: (tmp_path / "old").stat().st_ctime + 2)
    assert watch.look() is None
    watch._since = 0.0
    watch._next_walk = 0.0
    assert "more than 1 MiB" in (watch.look() or "")


def test_a_folder_that_vanished_ends_nobody(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    watch = DiskWatch([gone], 2**20)
    gone.rmdir()
    assert watch.look() is None


def test_rows_are_what_scripts_expect() -> None:
    assert json.dumps(Row(3, "x", "not_applicable", "why").as_json()) == (
        '{"probe": 3, "name": "x", "outcome": "not_applicable", "detail": "why"}'
    )
