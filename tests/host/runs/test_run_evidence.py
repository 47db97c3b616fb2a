"""What a server does amiss, and what its results were before they were made visible, stands in the record."""

import json
from typing import Any

from context.events import Event
from context.json_values import JsonObject
from host.outputs import ProgressLines
from tests.host.projects import Finished, Project, turn
from tests.host.told import Told, text, tool

TRICK = "pay \x1b[2K\u202e\U000e0041 now"
TOKEN = "ghp_" + "a1B2c3D4" * 4 + "e5F6"
SAMPLING: JsonObject = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}


def entries(project: Project, done: Finished, kind: str) -> list[Any]:
    shown = project.call("audit", "show", str(done.report["run_id"]), "--json").out
    return [entry for entry in json.loads(shown)["entries"] if entry["type"] == kind]


def look(project: Project) -> Finished:
    return project.run(turn(("web.look", {"page": "start"})), "Done.", output="json")


def test_what_a_server_asks_in_return_stands_in_the_record(project: Project) -> None:
    Told(project, "web", [tool("look", "page")], plan={"modern": False, "asks": [SAMPLING] * 3}, look="read")
    done = look(project)
    told = entries(project, done, "server_state")
    assert told[-1]["body"]["asked"] == {"sampling/createMessage": 3}
    assert "sampling/createMessage" in project.call("audit", "show", str(done.report["run_id"])).out


def test_messages_that_were_dropped_stand_in_the_record_without_the_servers_words(project: Project) -> None:
    stray: JsonObject = {"method": "x" + TOKEN}
    Told(project, "web", [tool("look", "page")], plan={"modern": False, "asks": [stray] * 500}, look="read")
    body = entries(project, look(project), "server_state")[-1]
    assert body["body"]["asked"] == {"another method": 500}
    ((kind, count),) = body["body"]["dropped_messages"].items()
    assert kind.startswith("a request beyond") and count > 100
    assert "beyond" in body["contents"]["last_dropped"]["value"]
    assert TOKEN not in json.dumps(body["body"])


def test_a_result_with_hidden_characters_is_kept_as_it_was_sent_too(project: Project) -> None:
    web = Told(project, "web", [tool("look", "page")], look="read")
    web.answers("look", {**text(f"{TRICK} {TOKEN}"), "structuredContent": {TRICK: TOKEN}})
    done = look(project)
    (outcome,) = entries(project, done, "outcome")
    raw = outcome["contents"]["raw"]["value"]
    assert raw["content"][0]["text"].startswith(TRICK)
    assert list(raw["structured"]) == [TRICK]
    assert TOKEN not in json.dumps(raw)
    assert "\\u202e" in outcome["contents"]["result"]["value"]["content"][0]["text"]
    story = project.call("audit", "show", str(done.report["run_id"])).out
    assert "as it was sent:" in story and "\x1b" not in story and "\u202e" not in story


def test_a_write_that_a_server_refuses_with_the_sdks_own_codes_has_failed_and_is_not_in_doubt(project: Project) -> None:
    web = Told(project, "web", [tool("put", "page")], put={"effect": "write", "approve": "never"})
    for code in (-32000, -32001):
        web.change(answers={"put": {"error": {"code": code, "message": "the disk is full"}}})
        script = project.script(turn(("web.put", {"page": "start"})), "Done.")
        done = project.call(*project.arguments(model=script, output="json", task="Put the page start."))
        (told,) = done.report["calls"]
        assert (told["outcome"], done.code) == ("failed", 0)
        assert "the server reports: the disk is full" in json.dumps(told["reasons"])


def test_progress_tells_each_kind_of_misbehaviour_once() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append)
    ready: JsonObject = {"server": "web", "state": "ready"}
    asked: JsonObject = {"asked": {"roots/list": 1}}
    more: JsonObject = {"asked": {"roots/list": 9}, "dropped_messages": {"a malformed message": 2}}
    for data in (ready, ready, ready | asked, ready | asked, ready | more, {**ready, "state": "stopped"} | more):
        lines.tell(Event("server.state", "run_1", data=data))
    assert said == [
        "  server web ready",
        "  server web ready; it asked in vain: roots/list (1)",
        "  server web ready; it asked in vain: roots/list (9); dropped: a malformed message (2)",
        "  server web stopped; it asked in vain: roots/list (9); dropped: a malformed message (2)",
    ]
