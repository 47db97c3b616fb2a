"""`gatehost sandbox check` and `gatehost sandbox probe`, as scripts use them."""

import json
from pathlib import Path

import pytest

from host.cli.main import main
from sandboxes.lifecycle.owners import this_process


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["sandbox", *arguments])
    done = capsys.readouterr()
    return code, done.out, done.err


@pytest.mark.docker
def test_probe_prints_28_rows_and_leaves_with_0_when_nothing_was_allowed(
    gatehost_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "probe", "--sandbox", "docker", "--json")
    rows = json.loads(out)
    assert [row["probe"] for row in rows] == list(range(1, 29))
    assert all(set(row) == {"probe", "name", "outcome", "detail"} for row in rows)
    assert {row["outcome"] for row in rows} <= {"denied", "not_applicable"}
    assert (code, err) == (0, "")


@pytest.mark.docker
def test_probe_leaves_with_7_when_something_was_allowed(
    gatehost_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.docker.unheld", lambda: "as on an old kernel")
    code, out, err = run(capsys, "probe", "--sandbox", "docker")
    assert code == 7
    assert "27 denied, 0 not applicable, 1 allowed" in out
    assert "note  files in its writable mounts can be executed: as on an old kernel" in out
    assert "probing 28" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--sandbox", "unconfined"), 7, "no walls that could be probed"),
        (("--sandbox", "bublewrap"), 2, 'Did you mean "bubblewrap"'),
        (("--sandbox", "bubblewrap", "--runtime", "runsc"), 2, "no runtimes to choose from"),
        (("--markdown", "--runtime", "runsc"), 2, "probes every sandbox"),
    ],
)
def test_what_cannot_be_probed_is_refused_before_anything_is_tried(
    gatehost_home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = run(capsys, "probe", *arguments)
    assert (found, out) == (code, "")
    assert said in err


@pytest.mark.docker
def test_check_says_of_each_runtime_what_it_holds(gatehost_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--json")
    state = json.loads(out)
    assert code == 0
    assert state["cgroups"] in {"1", "2", "none"}
    assert state["engine_users"] in {"this machine's", "rootless", "remapped"}
    held = {(row["sandbox"], row["runtime"]): row for row in state["holds"]}
    assert set(held["docker", "runc"]["enforced"]) >= {"disk"}
    assert {runtime for sandbox, runtime in held if sandbox == "docker"} == set(state["engine"]["runtimes"])
    _, shown, _ = run(capsys, "check")
    assert "enforced    docker, runc: " in shown


SERVERS = """
version = 1
[servers.one]
command = ["/usr/bin/python3", "-c", "1"]
sandbox = "bubblewrap"
[servers.two]
command = ["/usr/bin/python3", "-c", "1"]
runtime = "nowhere"
[servers.three]
command = ["/usr/bin/python3", "-c", "1"]
sandbox = "unconfined"
"""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "mcp_servers.toml").write_text(SERVERS)
    return folder / "mcp_servers.toml"


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_check_says_of_each_declared_server_whether_its_walls_can_be_raised(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "check", "--json", "--servers", str(servers))
    rows = {row["server"]: row for row in json.loads(out)["servers"]}
    assert {name: row["usable"] for name, row in rows.items()} == {"one": True, "two": False, "three": True}
    assert rows["two"]["why_not"] == "the engine has no runtime nowhere"
    assert code == 7, "who names a file asks for its servers"
    _, shown, _ = run(capsys, "check", "--servers", str(servers))
    assert "server      one, bubblewrap: its walls can be raised" in shown
    assert "server      three, unconfined: no walls stand around it" in shown


@pytest.mark.bubblewrap
def test_check_refuses_a_written_limit_that_its_sandbox_does_not_hold(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.lifecycle.holds.can_hold", frozenset)
    monkeypatch.setattr("sandboxes.lifecycle.holds.has_systemd", lambda: False)
    text = '[servers.four]\ncommand = ["x"]\nsandbox = "bubblewrap"\nlimits = { memory = "64m" }\n'
    servers.write_text(f"version = 1\n{text}")
    code, out, _ = run(capsys, "check", "--json", "--servers", str(servers))
    assert json.loads(out)["servers"][0]["why_not"] == "limits.memory cannot be enforced there"
    assert code == 7


def test_check_tells_why_a_file_that_it_found_is_not_looked_at(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "check", "--json")
    state = json.loads(out)
    assert state["servers"] == []
    assert "not trusted" in state["servers_fault"]


@pytest.mark.parametrize("verb", ["build", "check", "probe", "prune"])
@pytest.mark.parametrize("option", ["--servers", "--config"])
def test_every_sub_command_refuses_a_file_that_is_not_there_or_wrong(
    verb: str,
    option: str,
    gatehost_home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, verb, option, str(tmp_path / "nowhere.toml"))
    assert (code, out) == (2, "")
    assert "does not exist" in err
    (tmp_path / "wrong.toml").write_text("version = 1\nserverz = 1\n")
    code, out, err = run(capsys, verb, option, str(tmp_path / "wrong.toml"))
    assert (code, out) == (2, "")
    assert "serverz" in err


@pytest.mark.bubblewrap
def test_the_cap_of_the_settings_holds_for_probes_and_is_shown_by_check(
    gatehost_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[limits]\nsandboxes = 2\n")
    _, out, _ = run(capsys, "check", "--json", "--config", "mine.toml")
    assert (json.loads(out)["standing"], json.loads(out)["most"]) == (0, 2)
    folder = gatehost_home / "slots"
    folder.mkdir()
    for number in range(2):
        (folder / f"{this_process().replace(':', '_')}-{number}").touch()
    _, out, _ = run(capsys, "check", "--json", "--config", "mine.toml")
    assert json.loads(out)["standing"] == 2
    code, _, err = run(capsys, "probe", "--sandbox", "bubblewrap", "--json", "--config", "mine.toml")
    assert code == 7
    assert "2 are the most" in err


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_probe_attacks_every_wall_that_the_declared_servers_stand_behind(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers.write_text(SERVERS.replace('runtime = "nowhere"', 'runtime = "runc"'))
    code, out, _ = run(capsys, "probe", "--json", "--servers", str(servers))
    rows = json.loads(out)
    assert code == 0
    assert [row["probe"] for row in rows] == list(range(1, 29))
    assert all("bubblewrap, as " in row["detail"] and "docker, runc: " in row["detail"] for row in rows)


def test_probe_refuses_a_file_whose_servers_stand_behind_no_walls(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers.write_text('version = 1\n[servers.a]\ncommand = ["x"]\nsandbox = "unconfined"\n')
    code, out, err = run(capsys, "probe", "--servers", str(servers))
    assert (code, out) == (2, "")
    assert "stands behind walls" in err


def test_prune_of_a_file_leaves_what_other_servers_left(
    gatehost_home: Path, servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = {name: gatehost_home / "leases" / f"unconfined-{name}-0a1b" for name in ("one", "other")}
    for folder in left.values():
        folder.mkdir(parents=True)
        (folder / "lease.json").write_text('{"owner": "another-boot:1:1:1"}')
    code, out, _ = run(capsys, "prune", "--json", "--servers", str(servers))
    assert code == 0
    assert json.loads(out)["removed"] == [{"kind": "unconfined", "name": "unconfined-one-0a1b"}]
    assert left["other"].exists()
    run(capsys, "prune")
    assert not left["other"].exists()
