"""Tools that change after they were reviewed: before a run, in the middle of it, all the time."""

import pytest

from context.json_values import JsonObject
from tests.host.kit_server import TOOLS, changed
from tests.host.projects import Finished, Project, hostile, turn

CHANGES = ["description", "annotations", "schema"]


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", change="read", look="read")
    return project


def echo(project: Project, *before: JsonObject) -> Finished:
    return project.run(*before, turn(("kit.echo", {"text": "a"})), "Done.", output="jsonl")


def last_call(done: Finished) -> JsonObject:
    return done.of("call.completed")[-1]  # type: ignore[no-any-return]


def code(done: Finished) -> object:
    return last_call(done)["reasons"][0]["code"]  # type: ignore[index,call-overload]


@pytest.mark.promise("a_changed_tool_is_not_called")
@pytest.mark.parametrize("what", [*CHANGES, "gone"])
def test_a_tool_that_changed_since_its_review_is_not_called_until_it_is_accepted(kit: Project, what: str) -> None:
    assert last_call(echo(kit))["outcome"] == "succeeded"
    kit.changed.write_text(what)
    done = echo(kit)
    assert code(done) == ("tool_vanished" if what == "gone" else "pin_changed")
    assert "gatehost mcp accept kit" in str(last_call(done)["reasons"])
    (news,) = done.of("pin.changed")
    assert (news["server"], news["tool"], news["pin"]) == ("kit", "echo", "vanished" if what == "gone" else "changed")
    shown = kit.call("audit", "show", done.events[0]["run_id"], "--json").report
    assert "pin_changed" in [entry["type"] for entry in shown["entries"]]
    if what != "gone":
        kit.accept("kit", changed(TOOLS, what))
        assert last_call(echo(kit))["outcome"] == "succeeded"


@pytest.mark.promise("a_changed_tool_is_not_called")
def test_the_other_tools_of_a_server_that_changed_one_stay(kit: Project) -> None:
    kit.changed.write_text("description")
    done = kit.run(turn(("kit.look", {"path": str(kit.folder / "x"), "line": "a"})), "Done.", output="jsonl")
    assert last_call(done)["outcome"] == "succeeded"


@pytest.mark.promise("a_changed_tool_is_not_called")
def test_a_model_is_never_shown_the_new_text(kit: Project) -> None:
    """The view holds what was reviewed, whatever the server says today."""
    from tests.wire.openai_chat_server import KEY, ChatServer, says

    kit.changed.write_text("description")
    with ChatServer(says("Done.")) as server:
        kit.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        kit.call(*kit.arguments(model=f"openai_chat:{server.model}", output="json"))
        offered = {tool["function"]["name"]: tool["function"]["description"] for tool in server.bodies[0]["tools"]}
    assert offered["kit__echo"] == "Gives back."
    assert "evil.example" not in str(server.bodies)


@pytest.mark.promise("a_changed_tool_is_not_called")
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_tool_that_changes_in_the_middle_of_a_run_is_not_called_again(kit: Project, what: str, era: str) -> None:
    if era == "legacy":
        kit.change("kit", command=[*kit.command("kit"), "--era=legacy"])
        kit.accept("kit")
    done = echo(kit, turn(("kit.echo", {"text": "a"})), turn(("kit.change", {"what": what})))
    outcomes = [event["outcome"] for event in done.of("call.completed")]
    assert outcomes == ["succeeded", "succeeded", "denied"]
    assert code(done) == "pin_changed"


@pytest.mark.promise("no_call_while_tools_are_read_again")
@pytest.mark.parametrize("times", [1, 1000])
def test_a_change_that_changes_nothing_costs_no_call(kit: Project, times: int) -> None:
    """However often it is announced: the call waits until the list was read, and then goes out."""
    done = echo(kit, turn(("kit.change", {"what": "", "times": times})))
    assert [event["outcome"] for event in done.of("call.completed")] == ["succeeded", "succeeded"]
    assert done.of("pin.changed") == []


@pytest.mark.promise("no_call_while_tools_are_read_again")
def test_a_storm_of_announcements_is_read_once_and_hides_no_change(kit: Project) -> None:
    done = echo(kit, turn(("kit.change", {"what": "schema", "times": 1000})))
    assert code(done) == "pin_changed"
    assert len(done.of("pin.changed")) == 1


def test_a_storm_from_another_server_stops_nobody(kit: Project) -> None:
    kit.add("storm", hostile("list-changed-storm"), echo="read")
    done = echo(kit, turn(("storm.echo", {"text": "a"})))
    assert [event["outcome"] for event in done.of("call.completed")] == ["succeeded", "succeeded"]


def test_names_of_two_servers_do_not_meet(kit: Project) -> None:
    """The same tool on two servers: each call goes to the server it names, and a pin is one server's."""
    kit.add("other", hostile("honest"), echo="read")
    kit.changed.write_text("description")
    done = kit.run(turn(("kit.echo", {"text": "a"}), ("other.echo", {"text": "b"})), "Done.", output="jsonl")
    first, second = done.of("call.completed")
    assert (first["server"], first["outcome"]) == ("kit", "denied")
    assert (second["server"], second["outcome"]) == ("other", "succeeded")
