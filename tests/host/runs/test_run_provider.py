"""A run on a model behind the wire: streaming, calls side by side, broken calls, retries, and where the key is."""

import pytest

from tests.host.projects import Finished, Project, hostile
from tests.wire.openai_chat_server import (
    KEY,
    USAGE,
    ChatServer,
    Proposed,
    Reply,
    cut_in_a_call,
    proposes,
    rate_limited,
    refuses,
    says,
)

SECRET = "declared-key-8f31c2d4e5"


def run_on(project: Project, server: ChatServer, *options: str, output: str = "json", key: str = KEY) -> Finished:
    project.environ |= {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": server.base_url}
    return project.call(*project.arguments(*options, model=f"openai_chat:{server.model}", output=output))


def run(project: Project, *replies: Reply, output: str = "json") -> Finished:
    with ChatServer(*replies) as server:
        return run_on(project, server, output=output)


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", fail="read")
    return project


def test_what_a_model_says_is_streamed_as_it_comes(kit: Project) -> None:
    done = run(kit, says("The answer is forty-two.", pieces=5), output="jsonl")
    deltas = [event["text"] for event in done.of("message.delta")]
    assert (len(deltas) > 1, "".join(deltas)) == (True, "The answer is forty-two.")
    assert (done.code, done.events[-1]["answer"]) == (0, "The answer is forty-two.")


def test_calls_of_one_turn_are_all_carried_and_answered_in_order(kit: Project) -> None:
    calls = [Proposed("kit__echo", {"text": text}, provider_id="same") for text in ("a", "b", "c")]
    with ChatServer(proposes(*calls, text="Looking.", interleaved=True), says("Done.")) as server:
        done = run_on(kit, server)
        messages = server.bodies[1]["messages"]
    assert [call["outcome"] for call in done.report["calls"]] == ["succeeded"] * 3
    (asked,) = [message for message in messages if message.get("tool_calls")]
    told = [message for message in messages if message["role"] == "tool"]
    assert [call["id"] for call in asked["tool_calls"]] == [message["tool_call_id"] for message in told]
    assert len({message["tool_call_id"] for message in told}) == 3
    assert [message["content"] for message in told] == ["a", "b", "c"]


@pytest.mark.parametrize("written", ['{"text": ', "[1]", "text", '{"text": "a"} {"text": "b"}', '{"text": NaN}'])
def test_broken_arguments_go_back_to_the_model_as_an_error(kit: Project, written: str) -> None:
    with ChatServer(proposes(Proposed("kit__echo", written=written)), says("Sorry.")) as server:
        done = run_on(kit, server)
        told = server.bodies[1]["messages"][-1]
    assert (done.code, done.report["calls"][0]["outcome"]) == (0, "denied")
    assert (told["role"], "JSON object" in told["content"]) == ("tool", True)


def test_a_refusal_tells_the_model_what_would_be_allowed(kit: Project) -> None:
    with ChatServer(proposes(Proposed("kit__ehco", {"text": "a"})), says("Sorry.")) as server:
        done = run_on(kit, server)
        told = server.bodies[1]["messages"][-1]["content"]
    assert done.report["denied"] == 1
    assert "denied" in told and "kit__echo" in told


def test_a_model_sees_only_the_tools_in_scope(kit: Project) -> None:
    with ChatServer(says("Done.")) as server:
        run_on(kit, server, "--tools", "kit.echo")
        assert [tool["function"]["name"] for tool in server.bodies[0]["tools"]] == ["kit__echo"]


def test_a_busy_provider_is_asked_again_and_the_retry_is_told(kit: Project) -> None:
    done = run(kit, rate_limited(**{"retry-after": "0"}), says("Done."), output="jsonl")
    assert done.code == 0
    assert any("attempt 1 failed" in event["text"] for event in done.of("warning"))


@pytest.mark.promise("half_a_call_is_no_call")
def test_what_a_model_half_said_is_never_carried_out(kit: Project) -> None:
    kit.add("safe", append={"effect": "write", "approve": "never"})
    path = kit.folder / "effects"
    call = Proposed("safe__append", {"path": str(path), "line": "a"})
    done = run(kit, *[cut_in_a_call(call, text="I will write.")] * 10)
    assert (done.code, done.report["calls"]) == (6, [])
    assert not path.exists()


def test_usage_and_cost_add_up_over_turns(kit: Project) -> None:
    config = kit.folder / "gatehost.toml"
    with ChatServer(proposes(Proposed("kit__echo", {"text": "a"})), says("Done.")) as server:
        config.write_text(
            f'[models.small]\nadapter = "openai_chat"\nmodel = "{server.model}"\nbase_url = "{server.base_url}"\n'
            'key = "env:SMALL_KEY"\nlocation = "local"\nprice = { input = 1.0, output = 10.0 }\n'
        )
        kit.environ["SMALL_KEY"] = KEY
        report = kit.call(*kit.arguments("--config", str(config), model=None, output="json")).report
    assert report["usage"]["input_tokens"] == 2 * int(USAGE["prompt_tokens"])  # type: ignore[call-overload]
    assert report["usage"]["output_tokens"] == 2 * int(USAGE["completion_tokens"])  # type: ignore[call-overload]
    assert report["cost_usd"] == pytest.approx((240 * 1.0 + 60 * 10.0) / 1_000_000)
    assert report["models"] == [f"{server.model}-2026"]


@pytest.mark.promise("a_key_is_nowhere")
@pytest.mark.parametrize("output", ["text", "json", "jsonl"])
def test_the_key_stands_in_no_journal_record_or_output(kit: Project, output: str) -> None:
    with ChatServer(proposes(Proposed("kit__echo", {"text": "a"})), says("Done."), key=SECRET) as server:
        done = run_on(kit, server, output=output, key=SECRET)
        assert server.received[0].headers["authorization"] == f"Bearer {SECRET}"
    assert done.code == 0
    assert SECRET not in done.out + done.err
    assert SECRET.encode() not in kit.bytes_at_rest()


@pytest.mark.promise("a_key_is_nowhere")
def test_a_refused_key_is_not_repeated(kit: Project) -> None:
    """Also where the provider's own words do."""
    with ChatServer(refuses(401, f"Incorrect API key provided: {SECRET}"), key=SECRET) as server:
        done = run_on(kit, server, key=SECRET)
    assert done.code == 6
    assert SECRET not in done.out + done.err
    assert SECRET.encode() not in kit.bytes_at_rest()


@pytest.mark.promise("a_key_is_nowhere")
def test_no_server_inherits_a_key(kit: Project) -> None:
    """Not even one without walls gets what stands in our environment."""
    kit.add("seeing", hostile("honest"), look="read")
    with ChatServer(proposes(Proposed("seeing__look", {})), says("Done.")) as server:
        done = run_on(kit, server)
        seen = server.bodies[1]["messages"][-1]["content"]
    assert done.code == 0
    assert "PATH" in seen
    assert KEY not in seen and "OPENAI" not in seen
