"""Server packages: what may be asked for, what a lock may hold, and that nothing of them runs here."""

import json
import os
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.errors import ConfigError, SandboxError
from sandboxes.interface import SandboxHome
from sandboxes.packages import Locked, command_program, npm, parse_source, pypi, read_locked, remove_staging, store
from sandboxes.packages import resolve as resolve_package
from sandboxes.packages import unpack as unpack_package
from sandboxes.packages.clients import pip_settings, uv_environments
from sandboxes.packages.entries import choose_entry
from sandboxes.runtime.facts import RuntimeFacts, read_answer

FACTS = RuntimeFacts("3.11", "x86_64-unknown-linux-gnu")
GIT = "pypi:mcp-server-git==2026.10.19"
FILES = "npm:@modelcontextprotocol/server-filesystem==2026.8.31"
HASH = "sha256:" + "a" * 64
INTEGRITY = "sha512-" + "A" * 86 + "=="


def _pypi_lock(*lines: str) -> Locked:
    return Locked("pypi", "thing", "1.0", requirements=(f"thing==1.0 --hash={HASH}", *lines))


def _npm_lock(**more) -> Locked:
    return Locked(
        "npm", "thing", "1.0.0", tree={"node_modules/thing": {"version": "1.0.0", "integrity": INTEGRITY, **more}}
    )


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (GIT, "mcp-server-git", "2026.10.19"),
        ("pypi:thing[a,b]==1.0.post1", "thing", "1.0.post1"),
        (FILES, "@modelcontextprotocol/server-filesystem", "2026.8.31"),
        ("npm:thing==1.0.0-beta.1", "thing", "1.0.0-beta.1"),
        (f"oci:mcp/git@{HASH}", "mcp/git", HASH),
        (f"oci:ghcr.example:5000/mcp/git@{HASH}", "ghcr.example:5000/mcp/git", HASH),
    ],
)
def test_a_pinned_source_is_read(text, name, version):
    source = parse_source(text)
    assert (source.name, source.version) == (name, version)
    assert str(source) == text


@pytest.mark.parametrize(
    "text",
    [
        "mcp-server-git",
        "pypi:mcp-server-git",
        "pypi:mcp-server-git>=1",
        "pypi:mcp-server-git==1.*",
        "pypi:--index-url==1",
        "pypi:x==1 --index-url=y",
        "pypi:x==1\n--index-url=y",
        "pypi:x @ file:///x==1",
        "npm:thing",
        "npm:thing@1.0.0",
        "npm:thing==^1.0.0",
        "npm:thing==latest",
        "npm:../thing==1.0.0",
        "npm:@scope/../thing==1.0.0",
        "oci:mcp/git:latest",
        "oci:mcp/git@sha256:short",
        "git+file:///x",
        "",
    ],
)
def test_a_source_that_leaves_the_version_open_is_refused_with_an_example(text):
    with pytest.raises(ConfigError) as caught:
        parse_source(text)
    assert "Write for example" in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.text(max_size=60))
def test_no_text_breaks_the_source_parser(text):
    for kind in ("", "pypi:", "npm:", "oci:"):
        try:
            source = parse_source(kind + text)
        except ConfigError:
            continue
        assert str(source) == kind + text


def test_a_lock_reads_back_as_it_was_written():
    for locked in (
        _pypi_lock(f"other==2 ; python_version < '4' --hash={HASH}"),
        _npm_lock(),
        Locked("oci", "a/b", HASH),
    ):
        assert read_locked(json.loads(json.dumps(locked.as_json())), where="lock") == locked


@pytest.mark.parametrize(
    "line",
    [
        "other==2",
        f"other>=2 --hash={HASH}",
        f"other @ file:///x --hash={HASH}",
        f"other==2 --hash={HASH} --index-url=x",
        f"other==2 ; x --index-url=x --hash={HASH}",
        f"--find-links=x\nother==2 --hash={HASH}",
        f"other==2 --hash={HASH}\n-e .",
        "-r /etc/passwd",
        "other==2 --hash=md5:abc",
    ],
)
def test_a_lock_that_would_instruct_uv_is_refused(line):
    with pytest.raises(ConfigError, match="mcp accept"):
        read_locked(_pypi_lock(line).as_json(), where="mcp_servers.lock")


@pytest.mark.parametrize(
    "entry",
    [
        {"integrity": "sha1-abc"},
        {"integrity": None},
        {"resolved": "file:///x"},
        {"link": True},
        {"inBundle": True, "integrity": None},
        {"dependencies": {"evil": "git+ssh://x/y"}},
        {"dependencies": {"evil": "github:x/y"}},
        {"dependencies": {"evil": "x/y"}},
        {"optionalDependencies": {"evil": "file:../x"}},
        {"version": "../../x"},
        {"name": "../x"},
    ],
)
def test_a_lock_that_would_lead_npm_past_its_registry_is_refused(entry):
    with pytest.raises(ConfigError):
        read_locked(_npm_lock(**entry).as_json(), where="mcp_servers.lock")


@pytest.mark.parametrize(
    "key", ["node_modules/../x", "/etc", "node_modules/a/../b", "x/node_modules/a", "node_modules/a/"]
)
def test_a_lock_that_would_write_outside_of_its_tree_is_refused(key):
    good = _npm_lock()
    bad = replace(good, tree={**good.tree, key: {"version": "1.0.0", "integrity": INTEGRITY}})
    with pytest.raises(ConfigError):
        read_locked(bad.as_json(), where="mcp_servers.lock")


def test_an_alias_in_an_npm_tree_is_an_ordinary_dependency():
    locked = _npm_lock(dependencies={"old": "npm:@scope/thing@^1.0.0", "plain": "^1 || ~2.0.0"})
    assert read_locked(locked.as_json(), where="x") == locked


@settings(deadline=timedelta(seconds=2))
@given(st.text(max_size=80))
def test_long_tree_keys_are_judged_in_linear_time(text):
    key = "node_modules/x" * 200 + text + "!"
    with pytest.raises(ConfigError):
        read_locked({**_npm_lock().as_json(), "tree": {key: {"version": "1", "integrity": INTEGRITY}}}, where="x")


def test_the_entry_point_is_the_named_one_the_only_one_or_the_one_like_the_package():
    assert choose_entry("b", ["a", "b"], package="x") == "b"
    assert choose_entry(None, ["a"], package="x") == "a"
    assert choose_entry(None, ["a", "my-thing"], package="@scope/my_thing") == "my-thing"
    for wanted, found in (("c", ["a", "b"]), (None, ["a", "b"]), (None, [])):
        with pytest.raises(ConfigError) as caught:
            choose_entry(wanted, found, package="x")
        assert all(name in str(caught.value) for name in found)


def test_pips_settings_reach_uv(tmp_path):
    folder = tmp_path / "pip"
    folder.mkdir()
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = file:///main/simple\ncert = /c.pem\n[install]\nextra-index-url =\n  file:///one\n  file:///two\n"
    )
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    main, wider = uv_environments({**environ, "PIP_FIND_LINKS": "/wheels /more"})
    assert main["UV_DEFAULT_INDEX"] == "file:///main/simple"
    assert main["SSL_CERT_FILE"] == "/c.pem"
    assert "UV_INDEX" not in main and "UV_FIND_LINKS" not in main
    assert wider["UV_INDEX"] == "file:///one file:///two"
    assert wider["UV_FIND_LINKS"] == "/wheels,/more"
    assert pip_settings({**environ, "PIP_INDEX_URL": "file:///env"})["index-url"] == "file:///env"


def test_uvs_own_settings_outrank_pips():
    (only,) = uv_environments(
        {"UV_DEFAULT_INDEX": "file:///mine", "PIP_INDEX_URL": "file:///pip", "PIP_EXTRA_INDEX_URL": "x"}
    )
    assert only["UV_DEFAULT_INDEX"] == "file:///mine"
    assert "UV_INDEX" not in only


def test_an_environment_that_asks_for_source_builds_is_not_handed_on():
    (only,) = uv_environments({"UV_NO_BINARY": "1", "PIP_CONFIG_FILE": os.devnull})
    assert "UV_NO_BINARY" not in only


def test_a_command_has_nothing_to_lock():
    assert command_program(["python3", "/srv/x.py"], args=["--flag"]).argv == ("python3", "/srv/x.py", "--flag")
    with pytest.raises(ConfigError):
        command_program([])


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"python":"4.1","machine":"x","libc":""}', '{"python":"3.11","machine":"a b"}']
)
def test_a_python_that_answers_nonsense_is_an_error(said):
    with pytest.raises(SandboxError):
        read_answer(said, where="image")


async def _fill(tree: Path) -> None:
    (tree / "site").mkdir(mode=0o700)
    (tree / "site" / "a.py").write_text("print(1)")
    (tree / "site" / "a.py").chmod(0o600)
    (tree / "site" / "run").write_text("#!/bin/sh")
    (tree / "site" / "run").chmod(0o4700)


async def test_a_stored_tree_is_readable_for_the_sandbox_and_gains_no_rights(tmp_path):
    folder = tmp_path / "servers" / "x"
    await store.provide(folder, _fill)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder / "files").rglob("*")}
    assert modes == {"site": 0o755, "a.py": 0o644, "run": 0o755}
    assert store.mount_of(folder).mode == "ro"


@pytest.mark.parametrize("attack", ["changed", "added", "missing", "executable", "link"])
async def test_a_stored_tree_that_changed_is_not_used(tmp_path, attack):
    folder = tmp_path / "servers" / "x"
    await store.provide(folder, _fill)
    victim = folder / "files" / "site" / "a.py"
    times = victim.stat()
    if attack == "changed":
        victim.write_text("print(2)")  # Same length, and its time put back.
        os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif attack == "added":
        (victim.parent / "b.pth").write_text("import evil")
    elif attack == "missing":
        victim.unlink()
    elif attack == "executable":
        victim.chmod(0o755)
    else:
        (victim.parent / "link").symlink_to("/etc/passwd")

    async def never(tree: Path) -> None:
        raise AssertionError("a stored package is not fetched again")

    with pytest.raises(SandboxError, match="not what was unpacked"):
        await store.provide(folder, never)


async def test_two_processes_may_unpack_the_same_package_at_once(tmp_path):
    folder = tmp_path / "servers" / "x"
    both = anyio.Event()
    waiting = 0
    digests: list[str] = []

    async def fill(tree: Path) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            both.set()
        await both.wait()
        await _fill(tree)

    async def provide() -> None:
        digests.append(await store.provide(folder, fill))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(provide)
            group.start_soon(provide)
    assert waiting == 2
    assert len(set(digests)) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["x"]


async def test_a_package_that_fails_half_way_leaves_nothing(tmp_path):
    folder = tmp_path / "servers" / "x"

    async def fill(tree: Path) -> None:
        await _fill(tree)
        raise SandboxError("the registry went away")

    with pytest.raises(SandboxError, match="went away"):
        await store.provide(folder, fill)
    assert list(folder.parent.iterdir()) == []


def test_what_a_dead_process_left_half_unpacked_is_removed_and_a_living_ones_is_not(tmp_path):
    from sandboxes.lifecycle.owners import this_process

    boot, namespace, pid, start = this_process().split(":")
    servers = tmp_path / "servers"
    dead = servers / f".staging-{boot}_{namespace}_{pid}_{int(start) + 1}-abcd1234"
    living = servers / f".staging-{boot}_{namespace}_{pid}_{start}-abcd1234"
    for folder in (dead, living, servers / "thing-1.0-0123456789ab"):
        folder.mkdir(parents=True)
    assert remove_staging(SandboxHome(tmp_path)) == [dead.name]
    assert sorted(path.name for path in servers.iterdir()) == sorted([living.name, "thing-1.0-0123456789ab"])


def test_another_python_or_platform_gets_another_folder(tmp_path):
    home, locked = SandboxHome(tmp_path), _pypi_lock()
    places = {
        store.place(home, lock, facts)
        for lock in (locked, replace(locked, version="1.1"))
        for facts in (FACTS, RuntimeFacts("3.12", FACTS.platform), RuntimeFacts("3.11", "aarch64-unknown-linux-gnu"))
    }
    assert len(places) == 6
    assert all(place.parent == tmp_path / "servers" for place in places)


@pytest.mark.registry
async def test_a_pypi_server_is_locked_without_hosts_and_unpacked_for_the_sandboxs_python(shared_home):
    locked = await resolve_package(GIT, home=shared_home, runtime=FACTS)
    assert "://" not in json.dumps(locked.as_json())
    assert read_locked(locked.as_json(), where="x") == locked
    program = await unpack_package(locked, home=shared_home, runtime=FACTS, args=["--repository", "/repo"])
    assert program.argv[0] == "/usr/bin/python3"
    assert program.argv[-3:] == ("main", "--repository", "/repo")
    (mount,) = program.mounts
    assert (mount.at, mount.mode) == ("/opt/server", "ro")
    assert (mount.host / "site" / "mcp_server_git").is_dir()
    assert not (mount.host / "site" / "bin" / "mcp-server-git").exists(), "a script for the host's Python"
    assert program.digests["lock"] == locked.digest
    again = await unpack_package(locked, home=shared_home, runtime=FACTS, args=["--repository", "/repo"])
    assert again == program


@pytest.mark.registry
async def test_a_stored_package_shares_no_file_with_uvs_cache(shared_home):
    locked = await resolve_package(GIT, home=shared_home, runtime=FACTS)
    (mount,) = (await unpack_package(locked, home=shared_home, runtime=FACTS)).mounts
    assert {path.stat().st_nlink for path in mount.host.rglob("*") if path.is_file()} == {1}


@pytest.mark.registry
async def test_an_npm_server_is_locked_without_hosts_and_unpacked_with_scripts_off(shared_home):
    locked = await resolve_package(FILES, home=shared_home, runtime=FACTS)
    assert "resolved" not in json.dumps(locked.as_json()) and "://" not in json.dumps(locked.as_json())
    program = await unpack_package(locked, home=shared_home, runtime=FACTS, args=["/repo"])
    script = "/opt/server/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
    assert program.argv == ("/opt/node/bin/node", script, "/repo")
    mount, node = program.mounts
    assert (node.at, node.mode) == ("/opt/node", "ro") and (node.host / "bin/node").is_file()
    assert (mount.host / script.removeprefix("/opt/server/")).is_file()
    assert not any(path.is_symlink() for path in mount.host.rglob("*"))


@pytest.mark.registry
async def test_a_package_that_would_have_to_be_built_here_is_refused(shared_home):
    with pytest.raises(ConfigError, match="Only wheels"):
        await resolve_package("pypi:docopt==0.6.2", home=shared_home, runtime=FACTS)


@pytest.mark.registry
@pytest.mark.parametrize("source", ["pypi:mcp-server-git==0.0.0", "npm:@modelcontextprotocol/server-filesystem==0.0.0"])
async def test_a_version_that_does_not_exist_is_the_operators_fault(shared_home, source):
    with pytest.raises(ConfigError, match="name and the version"):
        await resolve_package(source, home=shared_home, runtime=FACTS)


@pytest.mark.registry
async def test_a_file_with_another_hash_is_not_unpacked(sandbox_home):
    wrong = Locked("pypi", "anyio", "4.12.0", requirements=(f"anyio==4.12.0 --hash={HASH}",))
    with pytest.raises(SandboxError, match="hash"):
        await pypi.unpack(wrong, home=sandbox_home, runtime=FACTS)
    assert list((sandbox_home.folder / "servers").iterdir()) == []


@pytest.mark.registry
async def test_a_tarball_with_another_integrity_is_not_unpacked(sandbox_home):
    wrong = Locked(
        "npm", "left-pad", "1.3.0", tree={"node_modules/left-pad": {"version": "1.3.0", "integrity": INTEGRITY}}
    )
    with pytest.raises(SandboxError, match="another file"):
        await npm.unpack(wrong, home=sandbox_home, runtime=FACTS)


async def test_npm_fetches_nothing_from_git_and_runs_no_script(sandbox_home, tmp_path, monkeypatch):
    """A stand-in for npm shows with what switches the real one is called, wherever a package comes from."""
    said = tmp_path / "said"
    fake = tmp_path / "bin" / "npm"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" > {said}\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(SandboxError):
        await npm.unpack(_npm_lock(), home=sandbox_home, runtime=FACTS)
    switches = said.read_text().split()
    assert switches[0] == "ci"
    assert "--ignore-scripts" in switches
    assert "--git=/nonexistent/no-git-dependencies" in switches
    assert {"--os=linux", "--cpu=x64", "--libc=glibc"} <= set(switches)
