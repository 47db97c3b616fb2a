"""Rules, roles and answers in whole runs, and the ways in which people get them wrong.

What a rule means is in `tests/tool_gateway/policy`, whose yes is enough in `tests/tool_gateway/test_approvals`; here it
is shown that runs stand under them: nothing starts without rules that can be read, and no wrong answer sends anything.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from context.errors import ConfigError
from context.json_values import JsonObject
from host.journal import Journal
from tests.host.projects import Finished, Project, turn
from tests.host.told import Told, text, tool
from tests.tool_gateway.redaction.texts import A36
from tests.wire.openai_chat_server import KEY, ChatServer, Proposed, Reply, Step, proposes, says

TASK = "Pay 700 to bob for the paint."
PAY = turn(("bank.pay", {"to": "bob", "note": "paint"}))
FOUR_EYES = """
@id("two-people")
@effect("ask")
@approvers("finance+finance")
forbid (principal, action == Action::"call", resource == Tool::"bank.pay");
"""
ROLES = """
[people.ann]
roles = ["finance"]
[people.bob]
roles = ["finance"]
[people.mallory]
roles = ["intern"]
"""


@pytest.fixture
def bank(project: Project) -> Told:
    return Told(project, "bank", [tool("pay", "to", "note"), tool("look", "page")], pay="external_write", look="read")


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the operating system say that somebody else is at the keyboard of `gatehost approvals`."""

    def become(name: str) -> None:
        monkeypatch.setattr("host.cli.approvals_verb.who_runs_this", lambda: name)

    return become


def ruled(project: Project, *rules: str, more: str = "") -> list[str]:
    """The flag of a configuration with these rules in its folder."""
    config = project.folder / "company" / "gatehost.toml"
    folder = config.parent / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    for number, rule in enumerate(rules):
        (folder / f"{number}.cedar").write_text(rule)
    config.write_text(f'[policy]\nfolder = "rules"\n{more}')
    return ["--config", str(config)]


def run(bank: Told, *turns: JsonObject | str, flags: list[str], task: str = TASK) -> Finished:
    project = bank.project
    return project.call(*project.arguments(*flags, model=project.script(*turns), output="json", task=task))


def newest(bank: Told) -> JsonObject:
    return bank.project.call("approvals", "list", "--json").report[0]  # type: ignore[no-any-return]


def answer(bank: Told, verb: str = "approve", *options: str) -> Finished:
    return bank.project.call("approvals", verb, str(newest(bank)["id"]), *options)


def resume(bank: Told, done: Finished) -> Finished:
    return bank.project.call("runs", "resume", str(done.report["run_id"]), "--output", "json")


def refusals(bank: Told, done: Finished) -> list[str]:
    """What the record says of answers that did not count."""
    shown = bank.project.call("audit", "show", str(done.report["run_id"]), "--json").report
    return [entry["body"]["refused"] for entry in shown["entries"] if "refused" in entry["body"]]


# Rules that cannot be used: nothing starts.


def _emptied(folder: Path) -> None:
    (folder / "0.cedar").unlink()


def _gone(folder: Path) -> None:
    _emptied(folder)
    folder.rmdir()


@pytest.mark.promise("without_rules_nothing_starts")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ('@id("a")\nforbid (principal, action resource);', "rules/0.cedar:2"),
        ('@id("a")\n@efect("ask")\nforbid (principal, action, resource);', "The nearest is `effect`"),
        ('@id("a")\nforbid (principal, action == Action::"cal", resource);', "The nearest is `call`"),
        ('@id("a") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")\n'
         "when { context.arguments has amuont };", "rules/0.cedar:2"),
        (_emptied, "holds no policy"),
        (_gone, "cannot be read"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_used_stop_a_run_before_it_starts(
    bank: Told, spoil: str | Callable[[Path], None], said: str
) -> None:
    flags = ruled(bank.project, FOUR_EYES)
    folder = bank.project.folder / "company" / "rules"
    if callable(spoil):
        spoil(folder)
    else:
        (folder / "0.cedar").write_text(spoil)
    done = run(bank, PAY, "Paid.", flags=flags)
    assert (done.code, done.out, bank.log) == (2, "", [])
    assert said in done.err and "Traceback" not in done.err
    with bank.project.journal() as journal:
        assert journal.list_runs() == []


@pytest.mark.promise("a_policys_doubt_denies")
def test_a_forbid_that_breaks_on_a_call_denies_it(bank: Told) -> None:
    """Its sum overflows; Cedar alone would pass over such a rule."""
    rule = (
        '@id("cheap-only") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")\n'
        "when { context.time * 9223372036854775807 > 0 };"
    )
    done = run(bank, PAY, "Paid.", flags=[*ruled(bank.project, rule), "--approve", "*"])
    assert (done.report["calls"][0]["outcome"], bank.effects) == ("denied", [])
    assert "cheap-only" in str(done.report["calls"][0]["reasons"])


@pytest.mark.promise("a_policys_doubt_denies")
def test_no_flag_and_no_yes_outweighs_a_forbid(bank: Told) -> None:
    rule = '@id("never") forbid (principal, action == Action::"call", resource == Tool::"bank.pay");'
    done = run(bank, PAY, "Paid.", flags=[*ruled(bank.project, rule), "--approve", "*", "--approvals", "wait"])
    assert (done.code, done.report["calls"][0]["outcome"], bank.effects) == (0, "denied", [])


# Certain people.


@pytest.mark.promise("certain_people_are_needed")
def test_a_rule_that_wants_two_people_gets_two(bank: Told, user: Callable[[str], None]) -> None:
    flags = [*ruled(bank.project, FOUR_EYES, more=ROLES), "--approvals", "wait"]
    done = run(bank, PAY, "Paid.", flags=flags)
    assert (done.code, newest(bank)["approvers"]) == (10, ["finance+finance"])
    user("mallory")
    assert answer(bank).code == 2
    user("ann")
    assert answer(bank).code == 0
    assert answer(bank).code == 2  # the same person is not the second one
    assert resume(bank, done).code == 10
    assert bank.effects == []
    user("bob")
    assert answer(bank).code == 0
    done = resume(bank, done)
    assert (done.code, bank.effects) == (0, [{"to": "bob", "note": "paint"}])
    wrong_role, twice = refusals(bank, done)
    assert "mallory has the role intern" in wrong_role and "another person must" in twice
    assert bank.project.verifies()


@pytest.mark.promise("certain_people_are_needed")
def test_a_flag_is_nobody_in_particular(bank: Told) -> None:
    flags = [*ruled(bank.project, FOUR_EYES, more=ROLES), "--approve", "*"]
    done = run(bank, PAY, "Paid.", flags=flags)
    assert (done.code, bank.effects) == (3, [])


# Answers that come too late, twice, or for something else.


@pytest.mark.promise("an_approval_fits_one_call")
def test_a_rule_that_changed_after_the_yes_asks_anew(bank: Told) -> None:
    """The yes was bound to the rules that were in force when it was given."""
    one = FOUR_EYES.replace('@approvers("finance+finance")\n', "")
    done = run(bank, PAY, "Paid.", flags=[*ruled(bank.project, one), "--approvals", "wait"])
    first = newest(bank)["id"]
    assert answer(bank).code == 0
    ruled(bank.project, one.replace('"two-people"', '"stricter"'))
    done = resume(bank, done)
    assert (done.code, bank.effects) == (10, [])
    assert newest(bank)["id"] != first and newest(bank)["rules"] == ["stricter"]


@pytest.mark.promise("an_approval_fits_one_call")
def test_a_yes_to_one_call_is_none_to_another_of_the_same_turn(bank: Told) -> None:
    one = FOUR_EYES.replace('@approvers("finance+finance")\n', "")
    both = turn(("bank.pay", {"to": "bob", "note": "paint"}), ("bank.pay", {"to": "bob", "note": "paint"}))
    done = run(bank, both, "Paid.", flags=[*ruled(bank.project, one), "--approvals", "wait"])
    assert answer(bank).code == 0
    assert resume(bank, done).code == 10
    assert len(bank.effects) == 1


@pytest.mark.promise("an_approval_is_used_once")
def test_an_answer_that_comes_twice_or_late_is_refused_and_recorded(bank: Told) -> None:
    one = FOUR_EYES.replace('@approvers("finance+finance")\n', "")
    done = run(bank, PAY, "Paid.", flags=[*ruled(bank.project, one), "--approvals", "wait"])
    assert answer(bank, "deny").code == 0
    assert answer(bank, "approve").code == 2
    done = resume(bank, done)
    assert (done.code, bank.effects) == (3, [])
    assert answer(bank, "approve").code == 2  # its run is over
    assert len(refusals(bank, done)) == 2


@pytest.mark.promise("an_approval_is_used_once")
def test_a_clock_that_was_set_back_does_not_bring_an_answer_back(bank: Told) -> None:
    """Another process saw two hours pass; then the clock was wrong again."""
    one = FOUR_EYES.replace('@approvers("finance+finance")\n', "")
    flags = ruled(bank.project, one, more='[approvals]\nexpires = "1h"\n')
    done = run(bank, PAY, "Paid.", flags=[*flags, "--approvals", "wait"])
    approval_id = str(newest(bank)["id"])
    with (
        Journal.open(bank.project.home / "journal.db", clock=lambda: time.time() + 7_200) as journal,
        pytest.raises(ConfigError, match="it expired at"),
    ):
        journal.answer(approval_id, granted=True, by="cli:ann")
    late = answer(bank)
    assert (late.code, "it expired at" in late.err) == (2, True)
    done = resume(bank, done)
    assert (done.code, bank.effects) == (3, [])
    assert done.report["calls"][0]["reasons"][0]["code"] == "expired"


@pytest.mark.promise("a_standing_rule_ends")
def test_a_standing_rule_answers_until_the_tool_is_another_or_it_is_revoked(bank: Told) -> None:
    one = FOUR_EYES.replace('@approvers("finance+finance")\n', "")
    flags = ruled(bank.project, one)
    done = run(bank, PAY, "Paid.", flags=[*flags, "--approvals", "wait"])
    assert answer(bank, "approve", "--always").code == 0
    assert resume(bank, done).code == 0
    assert run(bank, PAY, "Paid.", flags=flags).code == 0
    assert len(bank.effects) == 2
    changed = [{**tool("pay", "to", "note"), "description": "Pays at once."}, tool("look", "page")]
    bank.change(tools=changed)
    bank.project.accept("bank", changed)
    assert run(bank, PAY, "Paid.", flags=flags).code == 3  # accepted anew, so another tool than was approved for good
    bank.change(tools=[tool("pay", "to", "note"), tool("look", "page")])
    bank.project.accept("bank", [tool("pay", "to", "note"), tool("look", "page")])
    assert run(bank, PAY, "Paid.", flags=flags).code == 0
    (rule,) = bank.project.call("approvals", "rules", "--json").report
    assert bank.project.call("approvals", "revoke", rule["id"]).code == 0
    assert run(bank, PAY, "Paid.", flags=flags).code == 3
    assert len(bank.effects) == 3


# What else every call passes.


@pytest.mark.promise("nothing_executable_is_written")
@pytest.mark.parametrize("path", ["/data/.git/hooks/pre-commit", ".envrc", "/data/x/../.vscode/tasks.json"])
def test_nothing_that_other_programs_execute_is_written(project: Project, path: str) -> None:
    disk = Told(project, "disk", [tool("write", "path", "text")], write="write")
    script = project.script(turn(("disk.write", {"path": path, "text": "x"})), "Done.")
    task = f"Write x into the file {path}."
    done = project.call(*project.arguments("--approve", "*", model=script, output="json", task=task))
    assert (done.report["calls"][0]["reasons"][0]["code"], disk.effects) == ("executable_path", [])


@pytest.mark.promise("secrets_in_results_are_hidden")
@pytest.mark.promise("a_hidden_value_goes_back_only_where_it_came_from")
def test_a_secret_in_a_result_is_seen_by_nobody_and_goes_back_only_where_it_came_from(project: Project) -> None:
    token = "ghp_" + A36
    vault = Told(project, "vault", [tool("get", "name"), tool("put", "value")], get="read", put="write")
    web = Told(project, "web", [tool("post", "value")], post="write")
    vault.answers("get", text(f"the token is {token}"))

    def read_and_give_to(name: str) -> tuple[Finished, str]:
        """The run, and what its model was shown of the secret."""

        def shown() -> str:
            content: str = server.bodies[1]["messages"][-1]["content"]
            return content

        def give() -> Iterator[Step]:
            placeholder = shown()[shown().index("[[") : shown().index("]]") + 2]
            return proposes(Proposed(name, {"value": placeholder})).steps()

        with ChatServer(proposes(Proposed("vault__get", {"name": "a"})), Reply(give), says("Done.")) as server:
            project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
            model = f"openai_chat:{server.model}"
            return project.call(*project.arguments("--approve", "*", model=model, output="json")), shown()

    home, told = read_and_give_to("vault__put")
    assert home.report["calls"][1]["outcome"] == "succeeded"
    assert vault.effects == [{"value": token}]
    away, _ = read_and_give_to("web__post")
    assert away.report["calls"][1]["reasons"][0]["code"] == "placeholder_foreign"
    assert web.effects == []
    assert token not in told + home.out + home.err + away.out + away.err
    assert token.encode() not in project.bytes_at_rest()


@pytest.mark.promise("calls_are_admitted_within_their_limits")
def test_a_call_beyond_its_rate_is_refused_with_the_time_to_wait(project: Project) -> None:
    rules = {"look": {"effect": "read", "limits": {"rate": "2/h"}}}
    web = Told(project, "web", [tool("look", "page")], rules=rules)
    looks = turn(*(("web.look", {"page": str(number)}) for number in range(4)))
    done = project.run(looks, "Done.")
    assert [call["outcome"] for call in done.report["calls"]] == ["succeeded", "succeeded", "denied", "denied"]
    assert len(web.effects) == 2
