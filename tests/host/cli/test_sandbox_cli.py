"""`gatehost sandbox check` and `gatehost sandbox probe`, as scripts use them."""

import json
from pathlib import Path

import pytest

from host.cli.main import main


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
