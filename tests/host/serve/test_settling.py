"""A served run that ended in doubt is settled by a person, and by nothing else."""

import pytest

from context.messages import Message, Text
from context.runs import StoredCall
from host.cli.main import main
from host.home import find_home
from host.journal import Journal
from host.runs.flags import RunFlags
from tool_gateway.interface import CallChange


@pytest.fixture
def doubtful(gatehost_home) -> str:
    with Journal.open(find_home().prepare().journal) as journal:
        handle = journal.create_run(
            agent="claude-code",
            task="gatehost serve: claude-code",
            folder="/",
            flags=RunFlags(served=True).as_json(),
            trace_id="0" * 32,
            run_id="run_served",
        )
        with handle:
            row = StoredCall("call_1", "run_served", 1, 0, "", "mail__send", "mail", "send", "write", "proposed", {})
            handle.store_turn(1, Message("msg_1", "assistant", (Text(""),)), (row,))
            handle.change_call(CallChange("call_1", "intended"))
            handle.change_call(CallChange("call_1", "in_doubt"))
            handle.set_status("in_doubt", exit_code=9)
    return "run_served"


def test_resuming_starts_no_model_and_names_what_can_be_done(doubtful, capsys):
    assert main(["runs", "resume", doubtful]) == 2
    assert "--resolve call_1=happened" in capsys.readouterr().err
    assert main(["runs", "resume", doubtful, "--resolve", "call_2=happened"]) == 2


@pytest.mark.parametrize(("what", "state"), [("happened", "succeeded"), ("did-not", "denied")])
def test_what_a_person_says_ends_the_run(doubtful, capsys, what, state):
    assert main(["runs", "resume", doubtful, "--resolve", f"call_1={what}"]) == 0
    with Journal.open(find_home().journal) as journal:
        assert [call.state for call in journal.calls(doubtful)] == [state]
        assert journal.load_run(doubtful).status == "completed"
