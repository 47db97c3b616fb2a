"""What the servers file says of secrets and limits, and that a secret's value is nowhere after a run."""

import json
import os
from pathlib import Path

import pytest

from context.errors import ConfigError
from host.config.servers_file import ServersFile, load_servers, server_digest
from tests.host.projects import Project, turn

TESTS = Path(__file__).parents[2]
SECRET = "tok_9f8e7d6c5b4a-not-for-anybody"
HEAD = 'version = 1\n[servers.kit]\ncommand = ["x"]\n'


def load(folder: Path, text: str) -> ServersFile:
    path = folder / "mcp_servers.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_servers(path, home=folder.with_name("state"))


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value)


@pytest.mark.docker
@pytest.mark.promise("a_secret_never_comes_back")
def test_after_a_run_a_declared_secret_is_nowhere(project: Project, gatehost_home: Path) -> None:
    project.home = gatehost_home
    project.environ["KIT_TOKEN"] = SECRET
    project.add(
        "box",
        ["python3", "-I", "/tests/hostile/server.py", "honest"],
        sandbox="docker",
        mounts=[{"host": str(TESTS), "at": "/tests"}],
        tools={"read_file": "read", "look": "read"},
    )
    project.change("box", secrets={"TOKEN": "env:KIT_TOKEN"})
    project.accept("box")
    calls = turn(("box.read_file", {"path": "/run/secrets/TOKEN"}), ("box.look", {}))
    done = project.run(calls, "Done.", output="jsonl")
    assert done.code == 0, done.err
    read, _ = (event["result"]["content"][0]["text"] for event in done.of("call.completed"))
    assert read == "[secret TOKEN]"
    run = done.events[0]["run_id"]
    shown = [project.call("runs", "show", run, "--json"), project.call("audit", "show", run)]
    for text in (done.out, done.err, *(item.out + item.err for item in shown), project.lock.read_text()):
        assert SECRET not in text
    assert SECRET.encode() not in project.bytes_at_rest()
    (walls,) = done.of("sandbox.state")
    assert walls["facts"]["secrets"] == ["TOKEN"]


@pytest.mark.promise("a_secret_never_comes_back")
def test_the_last_words_of_a_server_that_dies_hide_its_secret(project: Project) -> None:
    project.environ["KIT_TOKEN"] = SECRET
    project.add("kit", ["/bin/sh", "-c", 'echo "bad token $(cat $TOKEN_FILE)" >&2; exit 3'], echo="read", accept=False)
    project.change("kit", secrets={"TOKEN": "env:KIT_TOKEN"})
    project.accept("kit", [{"name": "echo", "inputSchema": {"type": "object"}}])
    done = project.run(turn(("kit.echo", {})), "Done.")
    assert "bad token [secret TOKEN]" in done.out + done.err
    assert SECRET not in done.out + done.err
    assert SECRET.encode() not in project.bytes_at_rest()


def test_a_missing_secret_stops_its_server_by_name_and_no_other(project: Project) -> None:
    project.add("kit", echo="read")
    project.add("other", echo="read", accept=False)
    project.change("other", secrets={"TOKEN": "env:NOT_SET_ANYWHERE"})
    project.accept("other")
    done = project.run(turn(("other.echo", {"text": "a"}), ("kit.echo", {"text": "b"})), "Done.", output="jsonl")
    refused, fine = done.of("call.completed")
    assert fine["outcome"] == "succeeded"
    assert "NOT_SET_ANYWHERE is not set" in json.dumps(refused)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('secrets = { A = "keyring:a" }', "not available in this version"),
        ('secrets = { "A-B" = "env:A" }', "no name of a secret"),
        ('secrets = { "../../etc/x" = "env:A" }', "no name of a secret"),
        ('secrets = ["env:A"]', "a table"),
        ("secrets = { A = 1 }", "a text"),
        (f'secrets = {{ A = "{SECRET}" }}', "no reference to a secret"),
    ],
)
def test_only_references_are_taken_and_no_error_repeats_a_value(tmp_path: Path, text: str, said: str) -> None:
    error = refusal(tmp_path, text)
    assert said in error
    assert ":4: servers.kit.secrets" in error
    assert SECRET not in error


def test_secrets_come_from_the_environment_and_from_private_files_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET + "\n")
    (tmp_path / "token").chmod(0o600)
    file = load(tmp_path, 'secrets = { A = "env:KIT_A", B = "file:token" }')
    assert file.secrets("kit", {"KIT_A": "value-of-a"}) == {"A": "value-of-a", "B": SECRET}
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        file.secrets("kit", {"KIT_A": "value-of-a"})
    with pytest.raises(ConfigError, match="fewer than 4 characters"):
        file.secrets("kit", {"KIT_A": "abc"})


def test_a_reference_is_part_of_what_is_accepted_and_its_value_is_not(tmp_path: Path) -> None:
    one = load(tmp_path, 'secrets = { A = "env:ONE" }').servers["kit"]
    other = load(tmp_path, 'secrets = { A = "env:OTHER" }').servers["kit"]
    assert server_digest(one) != server_digest(other)


def test_a_secret_file_that_a_mount_shows_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    shown = load(tmp_path, 'secrets = { A = "file:token" }\nmounts = [{ host = ".", at = "/x" }]\n')
    (warning,) = shown.warnings
    assert "servers.kit.secrets.A" in warning
    assert "server kit" in warning
    (tmp_path / "code").mkdir()
    apart = load(tmp_path, 'secrets = { A = "file:token" }\nmounts = [{ host = "code", at = "/x" }]\n')
    assert apart.warnings == ()


@pytest.mark.promise("a_writable_mount_is_exact")
@pytest.mark.parametrize("host", ["link", "link/inner", "real/../real", "../project/real"])
def test_a_writable_mount_needs_the_exact_path(tmp_path: Path, host: str) -> None:
    folder = tmp_path / "project"
    (folder / "real" / "inner").mkdir(parents=True)
    (folder / "link").symlink_to("real")
    error = refusal(folder, f'mounts = [{{ host = "{host}", at = "/x", mode = "rw" }}]\n')
    assert "exact path" in error
    assert f'Write host = "{folder}/real' in error
    assert load(folder, f'mounts = [{{ host = "{host}", at = "/x" }}]\n').sandbox_mounts("kit")


@pytest.mark.parametrize("host", [".", "real", "real/inner", "./real"])
def test_an_exact_path_may_be_written(tmp_path: Path, host: str) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "absolute").mkdir()
    file = load(tmp_path, f'mounts = [{{ host = "{host}", at = "/x", mode = "rw" }}]\n')
    assert file.sandbox_mounts("kit")[0].host == Path(os.path.normpath(tmp_path / host))
    assert load(tmp_path, f'mounts = [{{ host = "{tmp_path}/absolute", at = "/x", mode = "rw" }}]\n')


@pytest.mark.promise("a_written_limit_is_enforced_or_refused")
@pytest.mark.docker
def test_a_limit_that_was_written_reaches_the_sandbox_as_such(project: Project, gatehost_home: Path) -> None:
    project.home = gatehost_home
    project.add(
        "box",
        ["python3", "-I", "/tests/hostile/server.py", "honest"],
        sandbox="docker",
        mounts=[{"host": str(TESTS), "at": "/tests"}],
        limits={"memory": "200m", "pids": 50, "disk": "10m"},
        tools={"echo": "read"},
    )
    done = project.run(turn(("box.echo", {"text": "x"})), "Done.", output="jsonl")
    (walls,) = done.of("sandbox.state")
    assert walls["facts"]["enforced"] | {"cpus": 1.0} == {
        "memory": 200 * 1024**2,
        "memory_and_swap": 200 * 1024**2,
        "pids": 50,
        "cpus": 1.0,
    }
    assert walls["facts"]["disk"] == 10 * 1024**2
