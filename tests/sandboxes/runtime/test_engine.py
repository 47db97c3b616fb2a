"""The way to an engine: what is said when there is none, what set-up may do, and whose daemon may be stopped."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest

from context.errors import SandboxError
from sandboxes import bubblewrap
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.owners import is_dead
from sandboxes.runtime import engine
from sandboxes.runtime.apt import read_sources
from sandboxes.runtime.host_commands import check_command, run_command
from sandboxes.runtime.host_facts import Distribution

BOOKWORM = Distribution("debian", "bookworm")


@pytest.fixture
def nobody_answers(tmp_path, monkeypatch) -> SandboxHome:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return SandboxHome(tmp_path / "home")


@pytest.fixture
def no_tools(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(bubblewrap, "_SEARCHED", str(tmp_path / "empty"))


async def test_a_silent_engine_is_told_with_the_next_step(nobody_answers):
    state = await engine.look(nobody_answers)
    assert not state.answers
    assert "no socket" in state.detail
    with pytest.raises(SandboxError) as caught:
        engine.connect(timeout=2)
    assert caught.value.exit_code == 7
    assert "sandbox build --install" in str(caught.value)


async def test_without_engine_and_bubblewrap_nothing_runs_at_all(nobody_answers, no_tools):
    with pytest.raises(SandboxError, match="no sandbox can be raised here") as caught:
        await engine.ensure(nobody_answers, install=True, say=print)
    assert "bwrap is not installed" in str(caught.value)


async def test_an_engine_that_the_operator_named_is_not_replaced_by_an_installed_one(nobody_answers, no_tools):
    said: list[str] = []
    with pytest.raises(SandboxError):
        await engine.ensure(nobody_answers, install=True, say=said.append)
    assert not any("dockerd" in line or "docker.io" in line for line in said)


@pytest.mark.bubblewrap
async def test_without_an_engine_bubblewrap_serves_and_that_is_said(nobody_answers):
    said: list[str] = []
    ensured = await engine.ensure(nobody_answers, install=False, say=said.append)
    assert ensured == engine.Ensured("bubblewrap")
    assert any("bubblewrap serves instead" in line for line in said)


@pytest.mark.docker
async def test_an_engine_that_answers_is_taken_as_it_is(sandbox_home):
    said: list[str] = []
    assert await engine.ensure(sandbox_home, install=True, say=said.append) == engine.Ensured("docker")
    assert said == []
    state = await engine.look(sandbox_home)
    assert state.answers and state.version and state.default_runtime in state.runtimes
    assert not state.started_by_us


async def test_a_daemon_that_does_not_start_is_told_with_its_last_words(nobody_answers, tmp_path, monkeypatch):
    fake = tmp_path / "dockerd"
    fake.write_text('#!/bin/sh\necho "started with [$*]"\necho "no \x1b[31mcgroups here" >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said: list[str] = []
    with anyio.fail_after(20), pytest.raises(SandboxError) as caught:
        await engine.start_by_hand(nobody_answers, say=said.append)
    assert r"no \x1b[31mcgroups here" in str(caught.value)
    assert any("--iptables=false" in line for line in said), "tried again without the firewall"
    assert not await engine.stop_started_engine(nobody_answers, say=said.append)


@pytest.mark.docker
async def test_a_daemon_started_by_hand_answers_and_is_stopped_with_all_its_processes(tmp_path, monkeypatch):
    real = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if os.geteuid() != 0 or real is None:
        pytest.skip("only root can start an engine, where dockerd is installed")
    # Beside the engine that runs here: its own socket and data, and above all its own network namespace, because
    # a dockerd with `--bridge=none` deletes the `docker0` that it finds, whosever it is.
    own = f"--host=unix://{tmp_path}/d.sock --data-root={tmp_path}/data --exec-root={tmp_path}/exec"
    fake = tmp_path / "bin" / "dockerd"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\nexec unshare --net {real} {own} --pidfile={tmp_path}/d.pid --storage-driver=vfs --bridge=none\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    home = SandboxHome(tmp_path / "home")
    with anyio.fail_after(90):
        await engine.start_by_hand(home, say=print)
        try:
            assert (await engine.look(home)).started_by_us
            owner = json.loads((tmp_path / "home/engine/dockerd.json").read_text())["owner"]
            children = [pid for pid in _processes_naming(str(tmp_path)) if str(pid) != owner.split(":")[2]]
        finally:
            assert await engine.stop_started_engine(home, say=print)
        assert is_dead(owner)
        assert [pid for pid in children if Path(f"/proc/{pid}/exe").exists()] == []
        assert not (await engine.look(home)).answers
        assert not await engine.stop_started_engine(home, say=print)


def _processes_naming(text: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != str(os.getpid()):
            try:
                if text.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


async def test_only_the_process_that_we_started_is_ever_stopped(tmp_path):
    home = SandboxHome(tmp_path)
    assert not await engine.stop_started_engine(home, say=print)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        stat = Path(f"/proc/{stranger.pid}/stat").read_text()
        start = int(stat[stat.rindex(")") + 2 :].split()[19])
        from sandboxes.lifecycle.owners import this_process

        boot, namespace, *_ = this_process().split(":")
        note = tmp_path / "engine" / "dockerd.json"
        note.parent.mkdir()
        for left in (
            json.dumps({"owner": f"{boot}:{namespace}:{stranger.pid}:{start + 1}"}),  # The id was reused.
            json.dumps({"owner": f"another-boot:{namespace}:{stranger.pid}:{start}"}),
            json.dumps({"owner": "nonsense"}),
            "{",
        ):
            note.write_text(left)
            assert not await engine.stop_started_engine(home, say=print)
            assert stranger.poll() is None
        note.write_text(json.dumps({"owner": f"{boot}:{namespace}:{stranger.pid}:{start}"}))
        with anyio.fail_after(10):
            assert await engine.stop_started_engine(home, say=print)
        assert stranger.wait(5) != 0
        assert not note.exists()
    finally:
        stranger.kill()
        stranger.wait(5)


def test_the_images_sources_are_the_distributions_own():
    listed = "\n".join(
        [
            "deb|http://mirror.example/debian/|bookworm|main|/usr/share/keyrings/debian.gpg|Debian",
            "deb|http://mirror.example/debian/|bookworm|contrib|/usr/share/keyrings/debian.gpg|Debian",
            "deb|http://mirror.example/security/|bookworm-security|main||",
            "deb|http://other.example/|bookworm|main||Someone Else",
            "deb|http://other.example/|bookworm-pgdg|main||",
            "deb-src|http://mirror.example/debian/|bookworm|main||Debian",
            "nonsense",
        ]
    )
    assert read_sources(listed, BOOKWORM) == (
        "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian/ bookworm main contrib\n"
        "deb http://mirror.example/security/ bookworm-security main\n"
    )


async def test_a_tool_that_hangs_is_ended_with_its_children(tmp_path):
    mark = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {mark}; echo on its way >&2; wait"
    with anyio.fail_after(10), pytest.raises(SandboxError, match=r"did not end within.*on its way"):
        await run_command(["sh", "-c", script], timeout=0.5)
    child = int(mark.read_text())
    with anyio.fail_after(5):
        while Path(f"/proc/{child}/exe").exists():
            await anyio.lowlevel.checkpoint()


async def test_a_child_that_outlives_its_tool_holds_nobody_up(tmp_path):
    with anyio.fail_after(5):
        done = await run_command(["sh", "-c", "sleep 60 & echo done"], timeout=30)
    assert (done.stdout, done.code) == ("done\n", 0)


async def test_what_a_tool_says_is_bounded_and_escaped():
    done = await run_command(["sh", "-c", "head -c 20000000 /dev/zero; echo end"], timeout=30)
    assert len(done.stdout) <= 8 * 1024 * 1024 and done.stdout.endswith("end\n")
    with pytest.raises(SandboxError) as caught:
        await check_command(
            ["sh", "-c", r"printf '\033[31mbad\n' >&2; exit 3"], timeout=5, doing="try", next_step="Stop"
        )
    assert "exit 3" in str(caught.value) and r"\x1b[31mbad" in str(caught.value)


async def test_a_missing_tool_is_named():
    with pytest.raises(SandboxError, match="no-such-tool could not be started"):
        await run_command(["no-such-tool"], timeout=5)
