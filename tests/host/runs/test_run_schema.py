"""`--schema`: the answer is validated, asked for once more, and then the run fails."""

import json
from pathlib import Path

import pytest

from context.json_values import JsonObject
from tests.host.projects import Finished, Project
from tests.wire.openai_chat_server import KEY, ChatServer, says

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"bug": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
    "required": ["bug"],
}
GOOD = '{"bug": "rounding", "lines": [3, 4]}'


def answered(project: Project, *answers: str, schema: JsonObject = SCHEMA, output: str = "json") -> Finished:
    path = project.folder / "schema.json"
    path.write_text(json.dumps(schema))
    return project.run(*answers, flags=["--schema", str(path)], output=output)


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"Here you are:\n```\n{GOOD}\n```\n"])
def test_an_answer_that_fits_becomes_the_output(project: Project, text: str) -> None:
    done = answered(project, text)
    assert (done.code, done.report["output"], done.report["answer"]) == (0, json.loads(GOOD), text)


def test_an_answer_that_does_not_fit_is_asked_for_once_more(project: Project) -> None:
    done = answered(project, '{"lines": "3"}', GOOD, output="jsonl")
    assert (done.code, done.events[-1]["output"]) == (0, json.loads(GOOD))
    assert len(done.of("turn.started")) == 2
    assert any("--schema" in event["text"] for event in done.of("warning"))


def test_twice_wrong_fails_with_the_faults(project: Project) -> None:
    done = answered(project, "no", '{"lines": "3"}', GOOD)
    report = done.report
    assert (done.code, report["status"], report["output"]) == (8, "failed", None)
    assert report["answer"] == '{"lines": "3"}'
    assert "lines" in report["error"] and "bug" in report["error"]


def test_the_model_is_told_what_to_mend_and_given_the_schema(project: Project) -> None:
    with ChatServer(says("no"), says(GOOD)) as server:
        project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        path = project.folder / "schema.json"
        path.write_text(json.dumps(SCHEMA))
        done = project.call(
            *project.arguments("--schema", str(path), model=f"openai_chat:{server.model}", output="json")
        )
        first, second = server.bodies
    assert done.code == 0
    assert first["response_format"]["json_schema"]["schema"] == SCHEMA
    assert second["messages"][-1]["role"] == "user"
    assert "not one JSON document" in second["messages"][-1]["content"]


def test_a_schema_that_takes_anything_still_asks_for_json(project: Project) -> None:
    assert answered(project, "[1, 2]", schema={}).report["output"] == [1, 2]
    assert answered(project, "no", "no", schema={}).code == 8


def test_a_value_that_json_does_not_have_is_no_answer(project: Project) -> None:
    done = answered(project, '{"bug": "x", "n": NaN}', GOOD)
    assert (done.code, done.report["output"]) == (0, json.loads(GOOD))


@pytest.mark.promise("a_pattern_stalls_nothing")
def test_a_pattern_that_never_ends_stalls_no_answer(project: Project) -> None:
    schema: JsonObject = {"type": "string", "pattern": "^(a+)+$"}
    done = answered(project, json.dumps("a" * 40 + "!"), json.dumps("aaa"), schema=schema)
    assert (done.code, done.report["output"]) == (0, "aaa")


def test_a_resumed_run_needs_no_schema_file(project: Project, tmp_path: Path) -> None:
    project.add("kit", append={"effect": "write", "approve": "always"})
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    call: JsonObject = {"tool": "kit.append", "arguments": {"path": str(tmp_path / "x"), "line": "a"}}
    done = project.run({"calls": [call]}, GOOD, flags=["--schema", str(path), "--approvals", "wait"])
    path.unlink()
    done = project.call("runs", "resume", done.report["run_id"], "--approve", "*", "--output", "json")
    assert (done.code, done.report["output"]) == (0, json.loads(GOOD))
