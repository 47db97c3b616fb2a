"""The runtime image: what is in it, what is not, and that building it again costs nothing."""

import json

import pytest

from context.errors import SandboxError
from sandboxes import bubblewrap
from sandboxes.interface import SandboxHome
from sandboxes.packages import resolve, unpack
from sandboxes.runtime import image
from sandboxes.runtime.engine import connect
from sandboxes.runtime.node import NODE_VERSION, node_folder, provide_node


def _inside(home: SandboxHome, script: str) -> str:
    client = connect()
    try:
        said = client.containers.run(
            image.runtime_image(home), ["/bin/sh", "-c", script], remove=True, network_disabled=True, user="65534"
        )
        return said.decode()
    finally:
        client.close()


def test_without_an_image_the_next_step_is_named(tmp_path):
    with pytest.raises(SandboxError, match="gatehost sandbox build"):
        image.runtime_image(SandboxHome(tmp_path))


@pytest.mark.parametrize("text", ["{", "[]", '{"image": "x"}', '{"unknown": 1}'])
def test_a_broken_record_counts_as_none(tmp_path, text):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "image.json").write_text(text)
    assert image.recorded_image(SandboxHome(tmp_path)) is None


@pytest.mark.docker
async def test_building_again_does_nothing(sandbox_home):
    first = await image.build(sandbox_home, say=print)
    said: list[str] = []
    again = await image.build(sandbox_home, say=said.append)
    assert (again.fresh, again.image, said) == (False, first.image, [])
    assert image.runtime_image(sandbox_home) == first.image.image


@pytest.mark.docker
async def test_another_state_folder_takes_the_image_that_is_there(sandbox_home, tmp_path):
    first = await image.build(sandbox_home, say=print)
    other = SandboxHome(tmp_path / "other")
    (other.folder / "runtime").mkdir(parents=True)
    (other.folder / "runtime" / f"node-{NODE_VERSION}").symlink_to(node_folder(sandbox_home))
    built = await image.build(other, say=print)
    assert not built.fresh
    assert built.image.image == first.image.image


@pytest.mark.docker
async def test_an_image_that_the_engine_lost_is_noticed(sandbox_home):
    await image.build(sandbox_home, say=print)
    record = sandbox_home.folder / "runtime" / "image.json"
    value = json.loads(record.read_text())
    record.write_text(json.dumps({**value, "image": "sha256:" + "0" * 64}))
    assert "does not have the recorded image" in str(await image.image_fault(sandbox_home))


@pytest.mark.docker
async def test_the_image_has_python_node_and_git_of_the_recorded_kind(sandbox_home):
    await image.build(sandbox_home, say=print)
    facts = await image.facts(sandbox_home, "docker")
    said = _inside(sandbox_home, "python3 --version; node --version; git --version").split("\n")
    assert said[0].startswith(f"Python {facts.python}.")
    assert said[1] == f"v{NODE_VERSION}"
    assert said[2].startswith("git version")


@pytest.mark.docker
async def test_the_image_holds_nothing_that_a_server_gains_by_and_nothing_of_this_machine(sandbox_home):
    await image.build(sandbox_home, say=print)
    assert _inside(sandbox_home, "find / -xdev -type f -perm /6000 2>/dev/null || true") == ""
    assert _inside(sandbox_home, "cat /etc/apt/apt.conf.d/99mmdebstrap 2>/dev/null || true") == ""


@pytest.mark.docker
async def test_a_base_image_that_does_not_exist_is_an_error_and_not_replaced_in_silence(sandbox_home):
    before = await image.build(sandbox_home, say=print)
    with pytest.raises(SandboxError, match="no-such-image-of-gatehost"):
        await image.build(sandbox_home, base="no-such-image-of-gatehost:none", say=print)
    assert image.runtime_image(sandbox_home) == before.image.image


@pytest.mark.docker
async def test_docker_is_the_default_where_it_is_ready(sandbox_home):
    await image.build(sandbox_home, say=print)
    assert await image.default_sandbox(sandbox_home) == "docker"


@pytest.mark.bubblewrap
async def test_bubblewrap_is_the_default_where_no_engine_answers(sandbox_home, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert await image.default_sandbox(sandbox_home) == "bubblewrap"
    facts = await image.facts(sandbox_home, "bubblewrap")
    assert facts.platform.endswith(("-linux-gnu", "-linux-musl"))


async def test_where_neither_is_ready_the_error_says_why_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    monkeypatch.setattr(bubblewrap, "_SEARCHED", str(tmp_path))
    with pytest.raises(SandboxError, match=r"no sandbox is ready.*sandbox build"):
        await image.default_sandbox(SandboxHome(tmp_path))


@pytest.mark.registry
async def test_node_comes_pinned_and_runs_its_own_npm(tmp_path):
    from sandboxes.runtime.host_commands import run_command

    node = await provide_node(SandboxHome(tmp_path))
    assert node == await provide_node(SandboxHome(tmp_path)) == node_folder(SandboxHome(tmp_path))
    done = await run_command(
        [str(node / "bin/npm"), "--version"],
        timeout=30,
        env={"PATH": f"{node}/bin:/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.code == 0, done.stderr


@pytest.mark.docker
@pytest.mark.registry
@pytest.mark.parametrize(
    ("source", "args"),
    [
        ("pypi:mcp-server-git==2026.10.19", ["--help"]),
        ("pypi:mcp-server-time==2026.10.19", ["--help"]),
    ],
)
async def test_a_server_that_was_unpacked_here_starts_in_the_image(shared_home, source, args):
    await image.build(shared_home, say=print)
    facts = await image.facts(shared_home, "docker")
    program = await unpack(
        await resolve(source, home=shared_home, runtime=facts), home=shared_home, runtime=facts, args=args
    )
    (mount,) = program.mounts
    client = connect()
    try:
        said = client.containers.run(
            image.runtime_image(shared_home),
            list(program.argv),
            environment=dict(program.env),
            volumes={str(mount.host): {"bind": mount.at, "mode": "ro"}},
            remove=True,
            read_only=True,
            network_disabled=True,
            cap_drop=["ALL"],
            user="65534",
        )
    finally:
        client.close()
    assert b"usage" in said.lower()


@pytest.mark.docker
async def test_an_image_package_must_be_had_by_its_digest(sandbox_home):
    await image.build(sandbox_home, say=print)
    digest = image.runtime_image(sandbox_home)
    facts = await image.facts(sandbox_home, "docker")
    locked = await resolve(f"oci:gatehost-runtime@{digest}", home=sandbox_home, runtime=facts)
    program = await unpack(locked, home=sandbox_home, runtime=facts, args=["python3", "--version"])
    assert (program.image, program.argv, program.mounts) == (digest, ("python3", "--version"), ())
    with pytest.raises(SandboxError, match="could not be pulled"):
        await resolve(f"oci:no-such-image-of-gatehost@sha256:{'0' * 64}", home=sandbox_home, runtime=facts)
