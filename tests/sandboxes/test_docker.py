"""What only the kind `docker` promises: settings that the engine confirms, and evidence that notices when not."""

import copy
import hashlib
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError

from context.errors import SandboxError
from sandboxes.containers.api import traits_of
from sandboxes.containers.evidence import Granted, judge_container
from sandboxes.docker import DockerSandbox, _granted, unavailable
from sandboxes.interface import Mount, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.limits.cgroup_facts import LiveLimits
from sandboxes.processes.proc_facts import ProcessFacts
from sandboxes.processes.user_choice import NOBODY, User, UserSpace, choose_user
from sandboxes.runtime.engine import connect
from sandboxes.seccomp.profile import docker_profile
from tests.hostile.programs import hostile_program
from tests.sandboxes.connections import connected

ID = "f" * 64
SPEC = SandboxSpec("git", "run_1", "o", Program(("x",)), mounts=(Mount(Path("/srv/code"), "/repo/"),))
GRANTED = Granted(user=User(65534, 65534), cpus=1.0)
PROFILE = f"seccomp={docker_profile()}"
STANDING: dict[str, Any] = {
    "Id": ID,
    "Image": "sha256:1",
    "State": {"Pid": 7},
    "Config": {"User": "65534:65534", "Hostname": "sandbox"},
    "HostConfig": {
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges", PROFILE],
        "ReadonlyPaths": ["/proc/sys", "/dev"],
        "MaskedPaths": ["/proc/kcore"],
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}, {"Name": "fsize", "Soft": SPEC.disk, "Hard": SPEC.disk}],
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Memory": SPEC.memory,
        "MemorySwap": SPEC.memory,
        "PidsLimit": 128,
        "NanoCpus": 10**9,
        "Runtime": "runc",
        "PidMode": "",
        "UTSMode": "",
        "IpcMode": "private",
        "LogConfig": {"Type": "none"},
        "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={SPEC.tmpfs},mode=1777"},
    },
    "NetworkSettings": {"Networks": {"none": {}}},
    "Mounts": [{"Destination": "/repo", "Source": "/srv/code", "RW": False}],
}
PROCESS = ProcessFacts(65534, 65534, "0", "0", True, 2, ("mnt", "pid", "net", "ipc", "uts"), "")


LIMITS = LiveLimits(SPEC.memory, SPEC.memory, SPEC.pids, 1.0)


def differences(
    inspected: dict[str, Any],
    process: ProcessFacts | None = PROCESS,
    limits: LiveLimits | None = LIMITS,
    *,
    written: frozenset[str] = frozenset(),
    held: frozenset[str] = GRANTED.held,
) -> tuple[str, ...]:
    spec, granted = replace(SPEC, written=written), replace(GRANTED, held=held)
    return judge_container(inspected, process, limits, spec=spec, granted=granted).differences


def test_walls_as_declared_leave_no_difference() -> None:
    assert differences(STANDING) == ()


@pytest.mark.parametrize(
    ("where", "value", "word"),
    [
        ("Privileged", True, "privileged"),
        ("CapDrop", [], "capabilities"),
        ("CapAdd", ["SYS_ADMIN"], "capabilities"),
        ("SecurityOpt", [PROFILE], "no-new-privileges"),
        ("SecurityOpt", ["no-new-privileges", PROFILE, "apparmor=unconfined"], "profile"),
        ("SecurityOpt", ["no-new-privileges"], "filter is not ours"),
        ("SecurityOpt", ["no-new-privileges", PROFILE.replace("ERRNO", "ALLOW")], "filter is not ours"),
        ("SecurityOpt", ["no-new-privileges", PROFILE.replace('"execve"', '"execve","bpf"')], "filter is not ours"),
        ("ReadonlyPaths", [], "/dev"),
        ("MaskedPaths", [], "masked"),
        ("Ulimits", STANDING["HostConfig"]["Ulimits"][:1], "size of its files"),
        ("Ulimits", STANDING["HostConfig"]["Ulimits"][1:], "core files"),
        ("NetworkMode", "bridge", "network"),
        ("ReadonlyRootfs", False, "writable"),
        ("Memory", 0, "memory"),
        ("MemorySwap", -1, "swap"),
        ("PidsLimit", None, "process limit"),
        ("NanoCpus", 0, "CPU"),
        ("Runtime", "runsc", "runtime"),
        ("PidMode", "host", "namespace"),
        ("IpcMode", "host", "IPC"),
        ("Devices", [{"PathOnHost": "/dev/kvm"}], "devices"),
        ("LogConfig", {"Type": "json-file"}, "log"),
        ("Tmpfs", {"/tmp": "rw,exec,size=1"}, "/tmp"),
        ("Tmpfs", {}, "/tmp"),
    ],
)
def test_each_missing_wall_is_a_difference(where: str, value: Any, word: str) -> None:
    altered = copy.deepcopy(STANDING)
    altered["HostConfig"][where] = value
    (said,) = differences(altered)
    assert word in said


@pytest.mark.parametrize(
    ("mounts", "word"),
    [
        ([], "missing"),
        ([{"Destination": "/repo", "Source": "/srv/code", "RW": True}], "not the declared"),
        ([{"Destination": "/repo", "Source": "/", "RW": False}], "not the declared"),
        ([*STANDING["Mounts"], {"Destination": "/x", "Source": "/", "RW": True}], "nobody declared"),
    ],
)
def test_each_wrong_mount_is_a_difference(mounts: Any, word: str) -> None:
    (said,) = differences({**STANDING, "Mounts": mounts})
    assert word in said


@pytest.mark.parametrize(
    ("process", "word"),
    [
        (ProcessFacts(0, 0, "0", "0", True, 2, PROCESS.apart, ""), "uid 0"),
        (ProcessFacts(65534, 0, "a80425fb", "0", True, 2, PROCESS.apart, ""), "capabilities"),
        (ProcessFacts(65534, 0, "0", "0", False, 2, PROCESS.apart, ""), "privileges"),
        (ProcessFacts(65534, 0, "0", "0", True, 0, PROCESS.apart, ""), "seccomp"),
        (ProcessFacts(65534, 0, "0", "0", True, 2, ("mnt", "pid", "ipc", "uts"), ""), "net"),
    ],
)
def test_the_kernels_word_counts_besides_the_engines(process: ProcessFacts, word: str) -> None:
    (said,) = differences(STANDING, process)
    assert word in said


@pytest.mark.promise("no_call_behind_walls_that_differ")
@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (replace(LIMITS, memory=None), "limits.memory"),
        (replace(LIMITS, memory=SPEC.memory * 2), "limits.memory"),
        (replace(LIMITS, pids=None), "limits.pids"),
        (replace(LIMITS, cpus=2.0), "limits.cpus"),
    ],
)
def test_a_limit_that_the_kernel_does_not_hold_is_a_difference_whatever_the_engine_says(
    limits: LiveLimits, word: str
) -> None:
    (said,) = differences(STANDING, limits=limits)
    assert word in said


def test_a_default_that_the_runtime_cannot_hold_is_noted_and_a_written_limit_differs() -> None:
    nothing = LiveLimits()
    granted = replace(GRANTED, held=frozenset())
    noted = judge_container(STANDING, None, nothing, spec=SPEC, granted=granted)
    assert noted.differences == ()
    assert {note.partition(" ")[0] for note in noted.notes if "not enforced" in note} == {"memory", "pids", "cpus"}
    said = differences(STANDING, limits=nothing, held=frozenset(), written=frozenset({"memory"}))
    assert [sentence.partition(" ")[0] for sentence in said] == ["limits.memory"]


def test_the_evidence_shows_a_digest_of_the_filter_and_names_of_secrets_only() -> None:
    spec = replace(SPEC, secrets={"TOKEN": "hunter2-hunter2"})
    found = judge_container(STANDING, PROCESS, LIMITS, spec=spec, granted=GRANTED)
    shown = json.dumps(found.as_json())
    assert "hunter2" not in shown
    assert "SCMP" not in shown
    assert "seccomp=sha256:" in shown
    assert found.facts["secrets"] == ["TOKEN"]


@pytest.mark.parametrize(
    ("info", "runtime", "holds"),
    [
        ({"Runtimes": {"runc": {"path": "runc"}}}, "runc", {"memory", "pids", "cpus"}),
        ({"Runtimes": {"runsc": {"runtimeArgs": ["--network=none"]}}}, "runsc", {"memory", "pids", "cpus"}),
        ({"Runtimes": {"runsc": {"runtimeArgs": ["--ignore-cgroups"]}}}, "runsc", set()),
        ({"Runtimes": {"runsc": {"runtimeArgs": ["-ignore-cgroups=true"]}}}, "runsc", set()),
        ({"Runtimes": {"runsc": {"runtimeArgs": ["--ignore-cgroups=false"]}}}, "runsc", {"memory", "pids", "cpus"}),
        ({"PidsLimit": False}, "runc", {"memory", "cpus"}),
        ({"CgroupDriver": "none"}, "runc", set()),
    ],
)
def test_what_an_engine_can_hold_is_read_from_what_it_says(info: Any, runtime: str, holds: set[str]) -> None:
    assert traits_of(info).held_by(runtime) == holds


@pytest.mark.promise("a_written_limit_is_enforced_or_refused")
def test_a_written_limit_that_the_runtime_ignores_is_refused_by_name() -> None:
    traits = traits_of({"Runtimes": {"runsc": {"runtimeArgs": ["--ignore-cgroups"]}}})
    spec = SandboxSpec("git", "run_1", "o", Program(("x",)), runtime="runsc")
    assert _granted(spec, traits).held == frozenset()
    with pytest.raises(SandboxError, match=r"limits.memory and limits.pids .*runsc is registered to ignore.*remove"):
        _granted(replace(spec, written=frozenset({"memory", "pids", "disk"})), traits)


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.promise("what_is_written_belongs_to_the_folders_owner")
@pytest.mark.parametrize("owner", [(0, 0), (12345, 23456)])
async def test_what_is_written_belongs_to_the_owner_of_the_folder(
    owner: tuple[int, int], sandbox_home: SandboxHome, tmp_path: Path
) -> None:
    os.chown(tmp_path, *owner)
    program = Program(("/bin/sh", "-c", "mkdir /data/new && echo x > /data/new/file && mv /data/new/file /data/moved"))
    asked = SandboxSpec("kit", "run_docker", this_process(), program, mounts=(Mount(tmp_path, "/data", "rw"),))
    with anyio.fail_after(20):
        async with DockerSandbox(sandbox_home).open(asked) as opened:
            assert await opened.exited() == "exited with code 0", opened.stderr_tail()
    for path in (tmp_path / "new", tmp_path / "moved"):
        assert (path.stat().st_uid, path.stat().st_gid) == owner


@pytest.mark.docker
async def test_a_hook_in_a_writable_repository_does_not_run(sandbox_home: SandboxHome, tmp_path: Path) -> None:
    script = (
        "cd /repo && git init -q . && printf '#!/bin/sh\\ntouch /repo/ran\\n' > .git/hooks/pre-commit && "
        "chmod +x .git/hooks/pre-commit && git -c user.name=a -c user.email=b commit -q --allow-empty -m x"
    )
    tmp_path.chmod(0o777)
    program, mounts = Program(("/bin/sh", "-c", script)), (Mount(tmp_path, "/repo", "rw"),)
    with anyio.fail_after(20):
        asked = SandboxSpec("git", "run_docker", this_process(), program, mounts=mounts)
        async with DockerSandbox(sandbox_home).open(asked) as opened:
            assert await opened.exited() != "exited with code 0"
            assert "ermission denied" in opened.stderr_tail()
    assert (tmp_path / ".git/hooks/pre-commit").exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.docker
@pytest.mark.promise("a_writable_mount_is_exact")
@pytest.mark.parametrize("mode", ["ro", "rw"])
async def test_a_link_that_took_a_declared_folders_place_is_not_followed(
    mode: Any, sandbox_home: SandboxHome, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "declared").symlink_to("elsewhere")
    with pytest.raises(SandboxError, match="leads through a symlink"):
        async with DockerSandbox(sandbox_home).open(spec("honest", mounts=(Mount(tmp_path / "declared", "/w", mode),))):
            pass


@pytest.mark.docker
async def test_a_server_that_fills_its_folder_is_ended_and_says_why(sandbox_home: SandboxHome, tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6; do head -c 4M /dev/zero > /data/$i; done; sleep 30"
    tmp_path.chmod(0o777)
    asked = SandboxSpec(
        "kit",
        "run_docker",
        this_process(),
        Program(("/bin/sh", "-c", script)),
        mounts=(Mount(tmp_path, "/data", "rw"),),
        disk=10 * 1024**2,
    )
    with anyio.fail_after(20):
        async with DockerSandbox(sandbox_home).open(asked) as opened:
            assert await opened.exited() == "added more than 10 MiB to its writable mounts (limits.disk)"


def test_a_rootless_and_a_remapped_engine_are_recognised() -> None:
    rootless = traits_of({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]})
    assert (rootless.rootless, rootless.first_uid) == (True, None)
    remapped = traits_of({"SecurityOptions": ["name=userns"], "DockerRootDir": "/var/lib/docker/231072.231072"})
    assert (remapped.rootless, remapped.first_uid) == (False, 231072)


def test_the_user_inside_is_counted_as_the_engine_counts(tmp_path: Path) -> None:
    owner = tmp_path.stat().st_uid
    mounts = [Mount(tmp_path, "/data", "rw")]
    assert choose_user(mounts, UserSpace(own=owner)).uid == 0
    assert choose_user(mounts, UserSpace(own=owner + 1)).uid == NOBODY
    below = choose_user(mounts, UserSpace(first=owner + 7, size=2**16))
    assert below.uid == NOBODY
    assert "cannot write" in " ".join(below.notes)


@pytest.mark.parametrize(
    "host", ["tcp://192.0.2.1:2375", "ssh://box", "http://127.0.0.1:2375", "https://192.0.2.1:2376", "nonsense"]
)
def test_an_engine_on_another_machine_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    fault = unavailable()
    assert fault is not None
    assert "on this machine" in fault
    assert "DOCKER_HOST" in fault


@pytest.mark.parametrize(
    ("named", "host", "said"),
    [
        ("far", "ssh://box", "another machine"),
        ("plain", "tcp://192.0.2.1:2375", "plain TCP"),
        ("here", "unix:///no/such.sock", "no socket"),
        ("missing", None, "names no context"),
    ],
)
def test_the_operators_docker_context_is_followed_or_refused(
    named: str, host: str | None, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if host is not None:
        meta = tmp_path / "contexts/meta" / hashlib.sha256(named.encode()).hexdigest()
        meta.mkdir(parents=True)
        (meta / "meta.json").write_text(json.dumps({"Name": named, "Endpoints": {"docker": {"Host": host}}}))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", named)
    fault = unavailable()
    assert fault is not None
    assert said in fault
    # `docker context use` says the same without a variable, and the variable outranks it.
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": named}))
    monkeypatch.delenv("DOCKER_CONTEXT")
    assert said in (unavailable() or "")
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert said not in (unavailable() or "")


def test_an_engine_that_is_not_there_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    fault = unavailable()
    assert fault is not None
    assert "no socket" in fault
    assert "bubblewrap" in fault


def spec(mode: str, **more: Any) -> SandboxSpec:
    return SandboxSpec("kit", "run_docker", this_process(), hostile_program(mode), **more)


@pytest.mark.docker
async def test_a_container_carries_owner_run_and_server(sandbox_home: SandboxHome) -> None:
    with anyio.fail_after(20):
        async with DockerSandbox(sandbox_home).open(spec("honest")):
            client = connect()
            (found,) = client.containers.list(filters={"label": "gatehost.run=run_docker"})
            assert found.labels["gatehost.owner"] == this_process()
            assert found.labels["gatehost.server"] == "kit"
            assert found.name.startswith("gatehost-kit-")
            client.close()


@pytest.mark.docker
async def test_running_out_of_memory_is_said(sandbox_home: SandboxHome) -> None:
    with anyio.fail_after(30):
        async with (
            DockerSandbox(sandbox_home).open(spec("memory-hog", memory=64 * 1024**2)) as opened,
            connected(opened) as client,
        ):
            with pytest.raises(MCPError, match="Connection closed"):
                await client.call_tool("echo", {})
            assert await opened.exited() == "out of memory (limit 64 MiB)"


@pytest.mark.docker
async def test_git_trusts_the_declared_mounts(sandbox_home: SandboxHome, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(repo)], check=True, timeout=20)
    program = Program(("/bin/sh", "-c", "git -C /repo status --short >&2; echo code $? >&2"))
    asked = SandboxSpec("git", "run_docker", this_process(), program, mounts=(Mount(repo, "/repo"),))
    with anyio.fail_after(20):
        async with DockerSandbox(sandbox_home).open(asked) as opened:
            await opened.exited()
            assert "code 0" in opened.stderr_tail(), opened.stderr_tail()


def test_a_folder_that_nobody_may_read_is_noted(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert "may not read /c" in " ".join(choose_user([Mount(closed, "/c")]).notes)
    closed.chmod(0o755)
    assert choose_user([Mount(closed, "/c")]).notes == ()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("more", "words"),
    [({"runtime": "no-such-runtime"}, "no-such-runtime"), ({"memory": 1024}, "memory")],
)
async def test_what_the_engine_refuses_is_told_in_its_words(more: Any, words: str, sandbox_home: SandboxHome) -> None:
    with anyio.fail_after(20), pytest.raises(SandboxError, match=words):
        async with DockerSandbox(sandbox_home).open(spec("honest", **more)):
            pass


@pytest.mark.docker
async def test_a_missing_image_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="sandbox build"):
        async with DockerSandbox(SandboxHome(tmp_path)).open(spec("honest")):
            pass
    program = Program(("x",), image="gatehost-no-such-image:1")
    with anyio.fail_after(20), pytest.raises(SandboxError, match="gatehost-no-such-image"):
        async with DockerSandbox(SandboxHome(tmp_path)).open(SandboxSpec("kit", "r", this_process(), program)):
            pass
