"""`gatehost doctor`: every check has its remedy, and only what would stop a run is a failure."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from context.calls import ToolDefinition
from host.checkup import Check, exit_code
from host.cli.main import main
from host.config.lock_file import Lock
from host.config.servers_file import load_servers, server_digest
from host.journal import Journal
from tests.fakes.journal import an_entry

SERVER = '[servers.kit]\ncommand = ["{python}"]\nsandbox = "unconfined"\n[servers.kit.tools.echo]\neffect = "read"\n'


@pytest.fixture
def project(tmp_path: Path, gatehost_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs doctor: exit code, and rows by check."""

    def call(*argv: str) -> tuple[int, dict[str, Any]]:
        code = main(["doctor", "--json", *argv])
        rows = json.loads(capsys.readouterr().out)
        for row in rows:
            assert set(row) == {"check", "status", "detail", "remedy"}
            assert row["status"] in {"ok", "warn", "fail"}
            assert (row["remedy"] is None) == (row["status"] == "ok"), row
        failed = any(row["status"] == "fail" for row in rows)
        assert failed == (code != 0)
        return code, {row["check"]: row for row in reversed(rows)}

    return call


def test_an_empty_folder_fails_nothing_by_itself(project: Path, examine: Any) -> None:
    _, rows = examine()
    failed = {name for name, row in rows.items() if row["status"] == "fail"}
    assert failed <= {"sandbox"}  # Only a machine without any walls.
    assert rows["python"]["detail"].startswith(".".join(map(str, sys.version_info[:2])))
    assert rows["journal"]["status"] == rows["record"]["status"] == rows["uv"]["status"] == "ok"
    assert {"docker", "runtime image", "bubblewrap", "sandbox", "npm", "git", "trust"} <= set(rows)
    assert rows["servers file"]["remedy"] is not None and "mcp add" in rows["servers file"]["remedy"]


def test_broken_files_fail_with_their_line(project: Path, examine: Any) -> None:
    (project / "gatehost.toml").write_text('[models.small]\nadaptor = "openai_chat"\n')
    (project / "mcp_servers.toml").write_text("version = 1\n[servers.x]\n")
    code, rows = examine()
    assert code in {2, 7}
    assert rows["settings"]["status"] == rows["servers file"]["status"] == "fail"
    assert "gatehost.toml:2" in rows["settings"]["detail"]
    assert "adapter" in rows["settings"]["remedy"]


def test_what_a_person_still_has_to_decide_is_a_warning(project: Path, examine: Any) -> None:
    (project / "mcp_servers.toml").write_text("version = 1\n" + SERVER.format(python=sys.executable))
    _, rows = examine()
    assert rows["trust"]["status"] == "warn" and "gatehost trust" in rows["trust"]["remedy"]
    assert rows["server kit"]["status"] == "warn" and "mcp accept kit" in rows["server kit"]["remedy"]
    assert rows["model"]["status"] == "warn"


def test_a_broken_lock_fails(project: Path, examine: Any) -> None:
    servers = project / "mcp_servers.toml"
    servers.write_text("version = 1\n" + SERVER.format(python=sys.executable))
    (project / "mcp_servers.lock").write_text("{")
    code, rows = examine("--servers", str(servers))
    assert code in {2, 7}
    assert rows["lock"]["status"] == "fail"


def test_a_rule_that_reaches_no_argument_fails_with_its_own_line(project: Path, examine: Any) -> None:
    servers = project / "mcp_servers.toml"
    rules = "[servers.kit.tools.echo.arguments]\ntext = { max_bytes = 9 }\ntxet = { max_bytes = 9 }\n"
    servers.write_text("version = 1\n" + SERVER.format(python=sys.executable) + rules)
    settings = load_servers(servers).servers["kit"]
    definition = ToolDefinition("echo", input_schema={"type": "object", "properties": {"text": {"type": "string"}}})
    Lock().with_server("kit", server_digest=server_digest(settings), tools=[definition]).save(
        project / "mcp_servers.lock"
    )
    _, rows = examine()
    assert rows["server kit"]["status"] == "fail"
    assert "mcp_servers.toml:9: servers.kit.tools.echo.arguments.txet" in rows["server kit"]["detail"]


def test_a_missing_runtime_image_is_told_with_one_remedy(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOST_HOME", str(project.parent / "bare"))  # the shared one may have an image
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    at = next((index for index, line in enumerate(lines) if line.startswith("warn  runtime image")), None)
    assert at is not None, "\n".join(lines)
    assert "gatehost sandbox build" not in lines[at]
    assert "gatehost sandbox build" in lines[at + 1]


def test_models_are_ready_or_say_what_is_missing(project: Path, examine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "gatehost.toml").write_text(
        '[models.near]\nadapter = "openai_chat"\nmodel = "m"\nbase_url = "http://127.0.0.1:1/v1"\n'
        '[models.far]\nadapter = "openai_chat"\nmodel = "m"\nkey = "env:FAR_KEY"\n'
    )
    _, rows = examine()
    assert rows["model near"]["status"] == "ok"
    assert rows["model far"]["status"] == "warn" and "FAR_KEY" in rows["model far"]["remedy"]
    monkeypatch.setenv("FAR_KEY", "a-very-secret-value")
    _, rows = examine()
    assert rows["model far"]["status"] == "ok"
    assert "a-very-secret-value" not in json.dumps(rows)


def test_a_state_folder_that_cannot_be_used_fails(
    project: Path, examine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path / "file"))
    code, rows = examine()
    assert code == 2
    assert "GATEHOST_HOME" in rows["state folder"]["remedy"]
    assert "journal" not in rows


def test_a_damaged_journal_fails(project: Path, examine: Any, gatehost_home: Path) -> None:
    (gatehost_home / "journal.db").write_bytes(b"no database" * 1000)
    code, rows = examine()
    assert code == 1
    assert rows["journal"]["status"] == "fail"
    assert "not a database" in rows["journal"]["detail"]
    assert rows["journal"]["remedy"].startswith("Move journal.db away")


def test_a_record_that_does_not_verify_is_told(project: Path, examine: Any, gatehost_home: Path) -> None:
    with Journal.open(gatehost_home / "journal.db") as journal:
        journal.record.append([an_entry("run_1"), an_entry("run_1")])
    (segment,) = (gatehost_home / "record").glob("*.jsonl")
    segment.write_text(segment.read_text().replace("run_1", "run_2"))
    _, rows = examine()
    assert rows["record"]["status"] == "fail"
    assert "NOT verify" in rows["record"]["detail"]


def test_a_state_folder_open_to_others_is_told(project: Path, examine: Any, gatehost_home: Path) -> None:
    gatehost_home.chmod(0o755)
    _, rows = examine()
    assert rows["state folder"]["remedy"].startswith("Run `chmod 700")


def test_the_first_failure_names_the_exit_code() -> None:
    rows = [
        Check("a", "ok", ""),
        Check("b", "warn", "", "x", 2),
        Check("c", "fail", "", "x", 7),
        Check("d", "fail", ""),
    ]
    assert exit_code(rows) == 7
    assert exit_code(rows[:2]) == 0
    assert exit_code(rows[3:]) == 1


def test_people_see_each_remedy_below_its_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("warn  servers file"))
    assert "→ Add a server" in lines[at + 1]
