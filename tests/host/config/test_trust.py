import io
import json
import os
from pathlib import Path

import pytest

from context.errors import ConfigError
from host.cli.main import main
from host.config.lock_file import Lock
from host.config.project_files import find_project
from host.config.trust import describe, give_trust, keeping_trust, look_at, require_trust
from host.home import Home

SERVERS = """version = 1
[servers.git]
package = "pypi:mcp-server-git==2026.10.19"
args = ["\\u001b[2J"]
mounts = [{ host = ".", at = "/repo", mode = "rw" }]
[servers.git.tools.git_commit]
effect = "write"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path / "state"))
    return Home(tmp_path / "state")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "mcp_servers.toml").write_text(SERVERS)
    monkeypatch.chdir(made)
    return made


def trust(folder: Path, home: Home) -> None:
    state = look_at(find_project(folder), home)
    assert state is not None
    give_trust(state, home)


def check(folder: Path, home: Home) -> None:
    require_trust(find_project(folder), home)


def test_found_files_need_trust_once(folder: Path, home: Home):
    with pytest.raises(ConfigError, match=r"mcp_servers\.toml was never trusted.*gatehost trust") as caught:
        check(folder, home)
    assert caught.value.exit_code == 2
    trust(folder, home)
    check(folder, home)
    (folder / "inner").mkdir()
    check(folder / "inner", home)


def test_a_folder_without_project_files_needs_no_trust(tmp_path: Path, home: Home):
    check(tmp_path, home)


def write(name: str, text: str = "x"):
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return change


CHANGES = {
    "servers": (write("mcp_servers.toml", SERVERS + "#"), "mcp_servers.toml changed"),
    "new lock": (write("mcp_servers.lock"), "mcp_servers.lock is new"),
    "new settings": (write("gatehost.toml", ""), "gatehost.toml is new"),
    "new policy": (write("policies/a.cedar"), "policies/a.cedar is new"),
    "new schema": (write("policies/schema.cedarschema"), "policies/schema.cedarschema is new"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_asks_again_and_is_named(folder: Path, home: Home, name: str):
    change, said = CHANGES[name]
    trust(folder, home)
    change(folder)
    with pytest.raises(ConfigError) as caught:
        check(folder, home)
    assert said in str(caught.value)
    trust(folder, home)
    check(folder, home)


@pytest.mark.parametrize("name", ["mcp_servers.lock", "gatehost.toml", "policies/a.cedar"])
def test_taking_a_file_away_is_a_change(folder: Path, home: Home, name: str):
    write(name, "")(folder)
    trust(folder, home)
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"{name} was removed"):
        check(folder, home)


def test_files_that_decide_nothing_are_no_change(folder: Path, home: Home):
    trust(folder, home)
    write("README.md")(folder)
    write("policies/notes.txt")(folder)
    check(folder, home)


def test_trust_is_given_to_one_folder_only(folder: Path, home: Home, tmp_path: Path):
    trust(folder, home)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mcp_servers.toml").write_text(SERVERS)
    with pytest.raises(ConfigError):
        check(other, home)
    trust(other, home)
    check(folder, home)


def test_files_named_on_the_command_line_need_no_trust_but_found_ones_beside_them_do(folder: Path, home: Home):
    servers = folder / "mcp_servers.toml"
    require_trust(find_project(folder, servers=servers), home)
    (folder / "gatehost.toml").write_text("")
    with pytest.raises(ConfigError, match=r"gatehost\.toml") as caught:
        require_trust(find_project(folder, servers=servers), home)
    assert "mcp_servers.toml" not in caught.value.what
    require_trust(find_project(folder, servers=servers, config=folder / "gatehost.toml"), home)
    trust(folder, home)
    require_trust(find_project(folder, servers=servers), home)


def test_a_removed_file_needs_no_trust_where_the_files_in_use_were_named(folder: Path, home: Home, tmp_path: Path):
    (folder / "gatehost.toml").write_text("")
    trust(folder, home)
    (folder / "mcp_servers.toml").unlink()
    with pytest.raises(ConfigError, match=r"mcp_servers\.toml was removed"):
        check(folder, home)
    require_trust(find_project(folder, config=folder / "gatehost.toml"), home)
    # A policy that appeared is in use, whatever was named.
    write("mcp_servers.toml", SERVERS)(folder)
    (folder / "gatehost.toml").unlink()
    write("policies/a.cedar")(folder)
    with pytest.raises(ConfigError, match=r"a\.cedar is new"):
        require_trust(find_project(folder, servers=folder / "mcp_servers.toml"), home)


def test_a_scripted_model_is_local(folder: Path, home: Home):
    (folder / "gatehost.toml").write_text(
        'version = 1\n[models.s]\nadapter = "scripted"\nmodel = "s.toml"\n[models.m]\nadapter = "openai_chat"\n'
        'model = "q"\n'
    )
    lines = describe(find_project(folder), home)
    (scripted,) = [line for line in lines if line.startswith("  model s:")]
    (other,) = [line for line in lines if line.startswith("  model m:")]
    assert scripted.endswith("(local)")
    assert other.endswith("(cloud)")


def test_naming_files_while_trusting_does_not_trust_what_was_found_instead_of_them(folder: Path, home: Home):
    (folder / "gatehost.toml").write_text("")
    state = look_at(find_project(folder, servers=folder / "mcp_servers.toml"), home)
    assert state is not None
    give_trust(state, home)
    with pytest.raises(ConfigError, match=r"mcp_servers\.toml was never trusted") as caught:
        check(folder, home)
    assert "gatehost.toml" not in caught.value.what


def test_what_was_shown_is_what_gets_trusted(folder: Path, home: Home):
    state = look_at(find_project(folder), home)
    (folder / "mcp_servers.toml").write_text(SERVERS + "# later")
    assert state is not None
    give_trust(state, home)
    with pytest.raises(ConfigError, match=r"changed"):
        check(folder, home)


def test_a_lock_that_a_person_had_written_stays_trusted(folder: Path, home: Home):
    trust(folder, home)
    with keeping_trust(find_project(folder), home):
        Lock().save(folder / "mcp_servers.lock")
    check(folder, home)


def test_a_first_servers_file_that_a_person_had_written_is_trusted(tmp_path: Path, home: Home):
    with keeping_trust(find_project(tmp_path), home):
        (tmp_path / "mcp_servers.toml").write_text(SERVERS)
    check(tmp_path, home)


def test_writing_the_lock_does_not_trust_what_was_not_trusted(folder: Path, home: Home):
    with keeping_trust(find_project(folder), home):
        Lock().save(folder / "mcp_servers.lock")
    with pytest.raises(ConfigError):
        check(folder, home)
    trust(folder, home)
    (folder / "mcp_servers.toml").write_text(SERVERS + "# hostile")
    with keeping_trust(find_project(folder), home):
        Lock().save(folder / "mcp_servers.lock")
    with pytest.raises(ConfigError):
        check(folder, home)


def test_settings_that_appear_while_the_lock_is_written_are_not_trusted(folder: Path, home: Home):
    trust(folder, home)
    with keeping_trust(find_project(folder), home):
        (folder / "gatehost.toml").write_text("")
    with pytest.raises(ConfigError, match=r"gatehost\.toml"):
        check(folder, home)


def test_the_description_says_what_would_be_allowed_and_escapes_it(folder: Path, home: Home):
    (folder / "gatehost.toml").write_text(
        '[agents.default]\ninstructions = "good\\n\\u202eevil"\n[models.m]\nadapter = "openai_chat"\nmodel = "q"\n'
        'base_url = "http://127.0.0.1:1/v1"\nkey = "env:K"\n'
    )
    text = "\n".join(describe(find_project(folder), home))
    for said in ("mcp-server-git==2026.10.19", f"WRITES {folder} (as /repo)", "git_commit: effect write", "env:K"):
        assert said in text
    assert "\\x1b[2J" in text
    assert "\\u202eevil" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "projects": {"/": {"servers": 3}}}', "\xff"]
)
def test_a_damaged_list_of_trust_is_an_error_never_trust(folder: Path, home: Home, text: str):
    home.folder.mkdir()
    (home.folder / "trust.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"damaged.*gatehost trust"):
        check(folder, home)


def test_the_list_is_private(folder: Path, home: Home):
    trust(folder, home)
    assert (home.folder / "trust.json").stat().st_mode & 0o777 == 0o600


def test_trust_without_a_terminal_needs_yes(folder: Path, home: Home, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["trust"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["trust", "--yes"]) == 0
    assert "git_commit" in capsys.readouterr().out
    assert main(["trust"]) == 0
    check(folder, home)


def test_json_shows_and_only_yes_trusts(folder: Path, home: Home, capsys):
    assert main(["trust", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["trusted"] is False
    assert [file["path"] for file in shown["files"]] == [str(folder / "mcp_servers.toml")]
    assert main(["trust", "--json", "--yes"]) == 0
    assert json.loads(capsys.readouterr().out)["trusted"] is True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 2), ("\n", 2), ("", 2), ("yep\n", 2)])
def test_at_a_terminal_only_yes_is_yes(folder: Path, home: Home, monkeypatch, capsys, answer: str, code: int):
    parent, child = os.openpty()
    with os.fdopen(child, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        os.write(parent, answer.encode() or b"\x04")
        assert main(["trust"]) == code
    os.close(parent)
    assert "--yes" not in capsys.readouterr().err


def test_a_malformed_project_cannot_be_trusted(folder: Path, home: Home, capsys):
    (folder / "mcp_servers.toml").write_text("version = 1\n[servers.git]\nurl = 'x'\n")
    assert main(["trust", "--yes"]) == 2
    assert "mcp_servers.toml:3: servers.git.url" in capsys.readouterr().err


def test_where_nothing_needs_trust_nothing_is_asked(tmp_path: Path, home: Home, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["trust"]) == 0
    assert "No project file" in capsys.readouterr().out
