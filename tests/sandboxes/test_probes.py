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
from sandboxes.probes import PROBES, Row, merged, probe_sandbox, table
from sandboxes.probes.catalogue import Attempt, Probe
from sandboxes.probes.inside.server import ATTEMPTS
from sandboxes.probes.rows import row
from sandboxes.registry import get

OUTCOMES: dict[str, Any] = {"denied": "denied", "n/a": "not_applicable", "**allowed**": "allowed"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "sandboxes.md"


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
async def test_all_28_are_denied_under_bubblewrap(sandbox_home: SandboxHome) -> None:
    with anyio.fail_after(120):
        probed = await probe_sandbox(get("bubblewrap"), sandbox_home)
    assert {item.probe: item.detail for item in probed.rows if item.outcome != "denied"} == {}
    assert len(probed.rows) == 28


@pytest.mark.promise("every_way_out_is_closed")
@pytest.mark.docker
async def test_all_28_are_denied_under_gvisor(sandbox_home: SandboxHome) -> None:
    _needs_gvisor()
    with anyio.fail_after(200):
        probed = await probe_sandbox(get("docker"), sandbox_home, runtime="runsc")
    assert {item.probe: item.detail for item in probed.rows if item.outcome != "denied"} == {}
    assert len(probed.rows) == 28


@pytest.mark.docker
async def test_without_the_watch_gvisor_executes_what_a_writable_mount_holds(
    sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_gvisor()
    watched = sandboxes.docker.launched

    def unwatched(*args: Any, **options: Any) -> list[str]:
        return watched(*args, **options)[7:]

    monkeypatch.setattr("sandboxes.docker.launched", unwatched)
    with anyio.fail_after(60):
        probed = await probe_sandbox(get("docker"), sandbox_home, runtime="runsc", only=(3,))
    assert probed.rows[0].outcome == "allowed"
    assert "/probe/rw" in probed.rows[0].detail


def _needs_gvisor() -> None:
    if "runsc" not in _runtimes():
        pytest.skip("the engine has no runtime called runsc")


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
async def test_without_a_control_group_memory_is_measured_and_the_sandbox_ended(
    sandbox_home: SandboxHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.limits.control_groups.group_folder", lambda pid, controller: None)
    monkeypatch.setattr("sandboxes.bubblewrap.has_systemd", lambda: False)
    with anyio.fail_after(60):
        probed = await probe_sandbox(get("bubblewrap"), sandbox_home, only=(24, 25))
    assert {item.probe: item.outcome for item in probed.rows} == {24: "denied", 25: "denied"}
    assert "used more than 256 MiB of memory" in probed.rows[1].detail
    assert any("memory is measured" in note for note in probed.evidence.notes)
    monkeypatch.setattr("sandboxes.limits.memory_watch.holds_more", lambda first, limit: False)
    with anyio.fail_after(60):
        probed = await probe_sandbox(get("bubblewrap"), sandbox_home, only=(25,))
    assert probed.rows[0].outcome == "allowed", "nothing else holds it"


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


def test_several_sandboxes_make_one_table_of_rows_with_the_worst_outcome_of_each() -> None:
    good = [Row(probe.number, probe.name, "denied", "fine") for probe in PROBES]
    bad = [*good[:2], Row(3, PROBES[2].name, "allowed", "it ran"), *good[3:]]
    rows = merged({"docker, runc": good, "bubblewrap, as root": bad})
    assert [item.probe for item in rows] == list(range(1, 29))
    assert {item.probe for item in rows if item.outcome == "allowed"} == {3}
    assert rows[2].detail == "bubblewrap, as root: it ran; denied: docker, runc: fine"


def test_the_documents_table_has_the_catalogues_rows_and_says_what_each_came_to() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    part = text.partition("<!-- probes -->\n")[2].partition("<!-- /probes -->")[0]
    heading, _, *lines = [line for line in part.splitlines() if line.startswith("|")]
    columns = [cell.strip() for cell in heading.strip("|").split("|")]
    assert columns[:2] == ["#", "probe"]
    assert {"docker, runc", "docker, runsc", "bubblewrap, as root"} <= set(columns)
    again = {
        column: [
            Row(probe.number, probe.name, OUTCOMES[line.split(" | ")[place].strip("| ")], "")
            for probe, line in zip(PROBES, lines, strict=True)
        ]
        for place, column in list(enumerate(columns))[2:]
    }
    assert part.startswith(table(again).partition("\n\n")[0].rstrip()), "`gatehost sandbox probe --markdown` writes it"


def test_rows_are_what_scripts_expect() -> None:
    assert json.dumps(Row(3, "x", "not_applicable", "why").as_json()) == (
        '{"probe": 3, "name": "x", "outcome": "not_applicable", "detail": "why"}'
    )
