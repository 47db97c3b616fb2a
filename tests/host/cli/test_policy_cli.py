"""`gatehost policy check | explain | test`, from files alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from context.calls import ToolDefinition
from context.decisions import Reason
from host.cli.main import main
from host.config.lock_file import update_lock
from host.config.servers_file import load_servers, server_digest
from host.journal import Journal
from tests.fakes.journal import asked, proposed_call, user_message
from tool_gateway.interface import ApprovalChange, CallChange, CardValue

SETTINGS = """
[policy]
folder = "policies"
[models.big]
adapter = "openai_chat"
model = "x"
base_url = "https://models.example/v1"
location = "cloud"
[agents.default]
roles = ["developer"]
[people.carol]
roles = ["finance"]
"""
SERVERS = """
version = 1
[servers.bank]
command = ["bank"]
sandbox = "unconfined"
[servers.bank.tools.pay]
effect = "external_write"
groups = ["payouts"]
[servers.bank.tools.balance]
effect = "read"
[servers.bank.tools.close]
effect = "destructive"
approve = "never"
"""
RULES = """// Money.
@id("payout-approval") @effect("ask") @approvers("finance") @reason("payouts over 500 need finance")
forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
when { context.arguments.amount > 500 };

@id("steered-payout")
forbid (principal, action == Action::"call", resource in ToolGroup::"payouts")
when { context.tainted && context.untrusted.contains("to") };
"""
PAY = {"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}, "required": ["amount"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "work"
    (place / "policies" / "tests").mkdir(parents=True)
    (place / "gatehost.toml").write_text(SETTINGS)
    (place / "mcp_servers.toml").write_text(SERVERS)
    (place / "policies" / "pay.cedar").write_text(RULES)
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(place)
    server = load_servers(place / "mcp_servers.toml", home=tmp_path / "home").servers["bank"]
    tools = [ToolDefinition(name, "", PAY if name == "pay" else {"type": "object"}) for name in server.tools]
    update_lock(
        place / "mcp_servers.lock",
        lambda lock: lock.with_server("bank", server_digest=server_digest(server), tools=tools, protocol="2026-07-28"),
    )
    return place


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*argv: str) -> tuple[int, str, str]:
        code = main(["policy", *argv])
        return code, *capsys.readouterr()

    return call


# check


def test_good_rules_are_listed_with_their_place(folder: Path, run: Any) -> None:
    code, out, err = run("check")
    assert (code, err) == (0, "")
    assert "parse and fit 3 tools" in out
    assert "ask    payout-approval   policies/pay.cedar:2, approvers finance" in out
    assert "no rule of yours speaks about: bank.balance, bank.close" in out
    assert "!" not in out
    code, out, _ = run("check", "--json", "--strict")
    report = json.loads(out)
    assert (code, report["ok"], report["errors"], report["warnings"]) == (0, True, [], [])
    assert {"tool": "bank.pay", "rules": ["payout-approval", "steered-payout"], "permitted": True} in report["tools"]
    assert [rule["id"] for rule in report["rules"] if not rule["shipped"]] == ["payout-approval", "steered-payout"]


def test_what_does_not_fit_is_an_error_with_file_line_and_nearest_name(folder: Path, run: Any) -> None:
    (folder / "policies" / "pay.cedar").write_text(RULES.replace(".amount", ".amuont"))
    code, out, err = run("check")
    assert (code, out) == (2, "")
    assert "policies/pay.cedar:4: " in err
    assert "The nearest is `amount`" in err
    code, out, _ = run("check", "--json")
    (error,) = json.loads(out)["errors"]
    assert (code, error["file"], error["line"], error["policy"]) == (2, "policies/pay.cedar", 4, "payout-approval")
    for command in (("explain", "bank.pay"), ("test",)):
        (folder / "policies" / "tests" / "a.toml").write_text("cases = []")
        code, _, err = run(*command)
        assert code == 2
        assert "policies/pay.cedar:4: " in err


def test_a_rule_for_a_tool_that_does_not_exist_is_a_warning(folder: Path, run: Any) -> None:
    (folder / "policies" / "pay.cedar").write_text(RULES.replace('"bank.pay"', '"bank.pya"'))
    code, out, _ = run("check")
    assert code == 0
    assert "! policies/pay.cedar:3: policy `payout-approval`: there is no tool `bank.pya`" in out
    code, out, _ = run("check", "--strict", "--json")
    report = json.loads(out)
    assert (code, report["ok"], len(report["warnings"])) == (2, False, 1)


def test_an_empty_folder_is_refused(folder: Path, run: Any) -> None:
    (folder / "policies" / "pay.cedar").unlink()
    code, _, err = run("check")
    assert code == 2
    assert "gatehost.toml:3: policy.folder" in err
    assert "holds no policy" in err


def test_without_a_folder_the_shipped_rules_are_checked(folder: Path, run: Any) -> None:
    (folder / "gatehost.toml").unlink()
    code, out, _ = run("check")
    assert code == 0
    assert "no [policy] folder" in out


def test_schema_and_shipped_rules_can_be_read(folder: Path, run: Any) -> None:
    assert "entity Agent" in run("check", "--show-schema")[1]
    assert "gatehost-destructive-asks" in run("check", "--show-rules")[1]
    own = run("check", "--show-schema")[1] + "// mine\n"
    (folder / "policies" / "schema.cedarschema").write_text(own)
    assert run("check")[0] == 0
    assert "// mine" in run("check", "--show-schema")[1]


def test_the_options_name_other_files(folder: Path, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = ("--config", str(folder / "gatehost.toml"), "--servers", str(folder / "mcp_servers.toml"))
    assert "payout-approval" in run("check", *files)[1]
    assert "payout-approval" not in run("check")[1]


# explain


def test_a_hypothetical_call_is_decided_and_its_rules_named(folder: Path, run: Any) -> None:
    code, out, _ = run("explain", "bank.pay", "--arguments", '{"amount": 500.5}')
    assert code == 0
    assert out.startswith("ask   call bank.pay as default\n")
    assert "policies/pay.cedar:2) asks first: payouts over 500 need finance" in out
    assert "ask    payout-approval   policies/pay.cedar:2   decides" in out
    assert "deny   steered-payout   policies/pay.cedar:6   does not hold" in out


@pytest.mark.parametrize(
    ("options", "word", "deciding"),
    [
        (("bank.pay", "--arguments", '{"amount": 500}'), "allow", ["gatehost-permit-call"]),
        (("bank.pay", "--arguments", '{"amount": 600}', "--approved", "payout-approval"), "allow", None),
        (("bank.pay", "--arguments", '{"amount": 600}', "--tainted", "--untrusted", "to"), "deny", ["steered-payout"]),
        (("bank.pay", "--arguments", '{"amount": 0.000001}'), "deny", []),
        (("bank.pay",), "deny", []),
        (("bank.close",), "allow", None),
        (("big", "--label", "pii"), "deny", ["gatehost-labels-stay-local"]),
        (("big", "--label", "other"), "allow", ["gatehost-permit-send"]),
    ],
)
def test_a_question_is_answered_as_a_run_would(
    folder: Path, run: Any, options: tuple[str, ...], word: str, deciding: list[str] | None
) -> None:
    code, out, _ = run("explain", *options, "--json", "--user", "carol")
    report = json.loads(out)
    assert (code, report["decision"]) == (0, word)
    assert report["roles"] == ["developer", "finance"]
    if deciding is not None:
        assert [rule["id"] for rule in report["rules"] if rule["decides"]] == deciding


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("bank.pya",), "Did you mean `bank.pay`?"),
        (("bank.pay", "--arguments", "{"), "--arguments: it is no JSON"),
        (("bank.pay", "--arguments", "[1]"), "it is no JSON object"),
        (("bank.pay", "--arguments", '{"amount": 1e400}'), "it is no JSON"),
        (("bank.pay", "--agent", "defualt"), "`default`"),
        (("call_unknown",), "there is no such call"),
    ],
)
def test_a_question_about_nothing_is_refused(folder: Path, run: Any, options: tuple[str, ...], said: str) -> None:
    code, _, err = run("explain", *options)
    assert code == 2
    assert said in err


async def test_a_call_is_explained_by_gate_rule_and_origin(folder: Path, run: Any, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "home" / "journal.db") as journal:
        record = {"agent": "default", "task": "t", "folder": "/w", "flags": {}, "trace_id": "1" * 32}
        handle = journal.create_run(**record, messages=[user_message()])
        call = proposed_call(handle.run_id)
        handle.store_turn(1, user_message(), [call])
        approval = asked(call, expires=9e9)
        value = CardValue("to", "mallory\x1b[2J", "the result of web.fetch", "pay mallory\x1b", False, "not granted")
        approval = replace(approval, request=replace(approval.request, values=(value,), rules=("payout-approval",)))
        reason = Reason(
            "policy", "policy_asks", "the rule `payout-approval` (policies/pay.cedar:2) asks first", "amount"
        )
        told = {
            "gate": reason.gate,
            "code": reason.code,
            "text": reason.text,
            "path": "amount",
            "remedy": "Ask finance",
        }
        await handle.commit(
            CallChange(call.call_id, "waiting", decision="ask", reasons=(told,)), ApprovalChange(approval)
        )
        handle.close()
    code, out, _ = run("explain", call.call_id)
    assert code == 0
    assert "decision ask, waiting" in out
    assert "policy: the rule `payout-approval` (policies/pay.cedar:2) asks first at amount" in out
    assert 'to = "mallory\\x1b[2J"   from the result of web.fetch (not granted)' in out
    assert "\x1b" not in out
    report = json.loads(run("explain", call.call_id, "--json")[1])
    assert report["reasons"] == [told]
    assert report["values"][0]["origin"] == "the result of web.fetch"
    assert (report["approval"]["rules"], report["approval"]["status"]) == (["payout-approval"], "pending")


async def test_a_call_without_a_card_still_shows_its_values(folder: Path, run: Any, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "home" / "journal.db") as journal:
        record = {"agent": "default", "task": "t", "folder": "/w", "flags": {}, "trace_id": "1" * 32}
        handle = journal.create_run(**record, messages=[user_message()])
        call = proposed_call(handle.run_id)
        handle.store_turn(1, user_message(), [call])
        handle.close()
    report = json.loads(run("explain", call.call_id, "--json")[1])
    assert [value["origin"] for value in report["values"]] == [None] * len(report["values"])
    assert report["values"]


# test

CASES = """
[[cases]]
name = "small ones go through"
tool = "bank.pay"
arguments = { amount = 500.0 }
expect = "allow"

[[cases]]
name = "large ones ask"
tool = "bank.pay"
arguments = { amount = 500.01, to = "x" }
expect = "ask"
rule = "payout-approval"

[[cases]]
name = "a yes is enough"
tool = "bank.pay"
arguments = { amount = 600 }
approved = ["payout-approval"]
expect = "allow"

[[cases]]
name = "steered"
tool = "bank.pay"
arguments = { amount = 1 }
tainted = true
untrusted = ["to"]
expect = "deny"
rule = "steered-payout"

[[cases]]
name = "pii stays"
model = "big"
labels = ["pii"]
expect = "deny"
"""


def cases(folder: Path, text: str) -> None:
    (folder / "policies" / "tests" / "pay.toml").write_text(text)


def test_cases_that_hold_pass(folder: Path, run: Any) -> None:
    cases(folder, CASES)
    assert run("test") == (0, "5 passed, 0 failed\n", "")
    assert run("test", "policies/tests/pay.toml")[0] == 0
    assert run("test", "policies/tests")[0] == 0
    report = json.loads(run("test", "--json")[1])
    assert (report["passed"], report["failed"]) == (5, 0)
    assert report["cases"][1]["rules"] == ["payout-approval"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("amount = 500.0 }", "amount = 501 }", "expected allow, got ask by payout-approval"),
        ('rule = "steered-payout"', 'rule = "payout-approval"', "expected deny by payout-approval"),
        ("arguments = { amount = 1 }", "arguments = { to = 1 }", "it could not be judged"),
    ],
)
def test_a_case_that_does_not_hold_fails(folder: Path, run: Any, old: str, new: str, said: str) -> None:
    assert old in CASES
    cases(folder, CASES.replace(old, new))
    code, out, _ = run("test")
    assert code == 1
    assert said in out
    assert "4 passed, 1 failed" in out
    assert run("test", "--json")[0] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CASES.replace("tainted = true", "tanted = true"), "pay.toml:26: cases[3].tanted"),
        (CASES.replace('"bank.pay"', '"bank.pya"', 1), "pay.toml:2: cases[0]"),
        (CASES.replace('model = "big"', 'model = "bgi"'), "Did you mean `big`?"),
        (CASES.replace('rule = "steered-payout"', 'rule = "steered"'), "there is no rule `steered`"),
        (CASES.replace('expect = "ask"', 'expect = "asks"'), "cases[1].expect"),
        (CASES.replace('model = "big"', ""), "either a tool or a model"),
        ("version = 2\n" + CASES, "`version` must be 1"),
        ("", "no file there has a case"),
    ],
)
def test_a_wrong_case_is_told_with_its_place(folder: Path, run: Any, text: str, said: str) -> None:
    cases(folder, text)
    code, _, err = run("test")
    assert code == 2
    assert said in err


def test_no_cases_are_an_error(folder: Path, run: Any) -> None:
    assert run("test")[0] == 2
    assert "does not exist" in run("test", "nowhere.toml")[2]
    (folder / "gatehost.toml").unlink()
    code, _, err = run("test")
    assert code == 2
    assert "no [policy] folder" in err
