"""A run behind real walls: what the rules refuse early, and what the walls refuse where no rule does."""

from pathlib import Path

import pytest

from context.json_values import JsonObject
from tests.host.projects import Finished, Project, turn

TESTS = Path(__file__).parents[2]


def write(path: str) -> tuple[str, JsonObject]:
    return "box.write_file", {"path": path, "text": "x"}


def contained(project: Project, home: Path, rules: JsonObject) -> Path:
    """An honest server in a container, with one writable folder that holds a link out of it."""
    project.home = home
    shared = project.folder / "shared"
    shared.mkdir()
    (shared / "out").symlink_to("/etc")
    project.add(
        "box",
        ["python3", "-I", "/tests/hostile/server.py", "honest"],
        sandbox="docker",
        mounts=[{"host": str(TESTS), "at": "/tests"}, {"host": str(shared), "at": "/shared", "mode": "rw"}],
        tools={"write_file": {"effect": "write", "approve": "never", **rules}},
    )
    project.accept("box")
    return shared


def texts(done: Finished) -> list[str]:
    return [event["result"]["content"][0]["text"] for event in done.of("call.completed")]


@pytest.mark.docker
@pytest.mark.promise("walls_hold_without_rules")
def test_the_walls_hold_with_the_argument_rules_switched_off(project: Project, gatehost_home: Path) -> None:
    """Nor does any other rule refuse a path here: not what is executed there, not where its text comes from."""
    shared = contained(project, gatehost_home, {"executable_paths": "allow"})
    config = project.folder / "gatehost.toml"
    config.write_text('[agents.default]\nprovenance = "off"\n')
    places = ["/etc/cron.d/x", "/shared/out/x", "/tests/x", "/shared/../root/x", "/shared/inside"]
    done = project.run(turn(*map(write, places)), "Done.", flags=["--config", str(config)], output="jsonl")
    assert done.code == 0, done.err
    assert {(event["decision"], event.get("approval")) for event in done.of("call.decided")} == {("allow", None)}
    *refused, written = texts(done)
    assert written == "written"
    assert all(text.startswith("refused") for text in refused), refused
    assert sorted(path.name for path in shared.iterdir()) == ["inside", "out"]
    assert not (TESTS / "x").exists()
    (walls,) = done.of("sandbox.state")
    assert (walls["isolated"], walls["differences"]) == (True, [])


@pytest.mark.docker
@pytest.mark.promise("a_path_stays_within")
def test_the_rules_refuse_before_the_walls_do(project: Project, gatehost_home: Path) -> None:
    rule: JsonObject = {"path": {"path_within": "/shared", "not_within": [".git"]}}
    shared = contained(project, gatehost_home, {"arguments": rule})
    places = ["/shared/out/x", "/shared/../etc/x", "/proc/self/cwd/etc/x", "/shared/.GIT/config", "/shared/inside"]
    done = project.run(turn(*map(write, places)), "Done.", output="jsonl")
    assert [event["outcome"] for event in done.of("call.completed")] == [*["denied"] * 4, "succeeded"]
    assert {event["reasons"][0]["gate"] for event in done.of("call.completed")[:4]} == {"constraints"}
    assert sorted(path.name for path in shared.iterdir()) == ["inside", "out"]
