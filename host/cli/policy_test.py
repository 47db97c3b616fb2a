"""`gatehost policy test`: cases that a project's rules must decide as they say, for CI.

Decides: the form of a case and when it fails. Does not decide the cases' questions (the engine does).

A case that expects `deny` fails when its question could not be judged at all: a typing error would pass otherwise.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from context.calls import ApproveMode
from context.decisions import DecisionWord, Deny
from context.errors import ConfigError, UsageError
from context.json_values import JsonObject, JsonValue, NotCanonical, canonicalise
from context.visible_text import escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.policy_project import PolicyProject, open_project
from host.cli.screen import say
from host.config.nearest_names import advice
from host.config.policy_files import policy_folder
from host.config.small_files import shown
from host.config.toml_files import TomlFile, check, read_toml
from tool_gateway.policy.cedar import CedarEngine
from tool_gateway.policy.question import PolicyQuestion
from tool_gateway.rules import Settings as Table

_UNJUDGED = frozenset({"policy_failed", "policy_unusable", "argument_unfit"})
_MOST_FILES = 500


class Case(Table):
    """One `[[cases]]` table.

    Attributes:
        tool, model: What the question is about, one of the two: `server.tool`, or a `[models]` name.
        time: Seconds since the epoch.
        consent: In place of the tool's own `approve`.
        rule: Id of a rule that must be among those that decide.
    """

    name: str
    expect: DecisionWord
    rule: str | None = None
    agent: str | None = None
    user: str | None = None
    roles: tuple[str, ...] = ()
    tool: str | None = None
    model: str | None = None
    action: Literal["call", "send", "read_context", "serve"] | None = None
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    labels: tuple[str, ...] = ()
    tainted: bool = False
    untrusted: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    attended: bool = True
    budget: dict[Literal["turns", "seconds", "cents"], int] = Field(default_factory=dict[Any, int])
    time: int = Field(default=0, ge=0)
    consent: ApproveMode | None = None


class _Cases(Table):
    version: int = 1
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a case went; `fault` is empty when it passed."""

    file: Path
    case: Case
    decision: str
    rules: tuple[str, ...]
    fault: str

    def as_json(self) -> JsonObject:
        return {
            "file": str(self.file),
            "name": self.case.name,
            "passed": not self.fault,
            "expect": self.case.expect,
            "decision": self.decision,
            "rules": list(self.rules),
            "fault": self.fault or None,
        }


def add_test(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("test", help="hold the rules against cases in TOML; for CI", allow_abbrev=False)
    parser.add_argument(
        "path", nargs="?", metavar="FILE | FOLDER", help="of cases (the folder `tests` in the policy folder)"
    )
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_test)


def _test(args: argparse.Namespace) -> int:
    project = open_project(args)
    files = _files(args.path, project)
    engine = project.engine()
    outcomes = [outcome for path in files for outcome in _run(read_toml(path), project, engine)]
    failed = [outcome for outcome in outcomes if outcome.fault]
    if not outcomes:
        raise ConfigError("no file there has a case", where=shown(files[0]), next_step="Write [[cases]] into it")
    if args.json:
        say_foreign_json(
            {
                "passed": len(outcomes) - len(failed),
                "failed": len(failed),
                "version": engine.version,
                "cases": [outcome.as_json() for outcome in outcomes],
            }
        )
        return 1 if failed else 0
    for outcome in failed:
        say(f"FAILED {shown(outcome.file)}: {escape_line(outcome.case.name, 200)}")
        say(f"  {outcome.fault}")
    say(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _files(named: str | None, project: PolicyProject) -> list[Path]:
    """The files of cases, in the order of their names.

    Raises:
        ConfigError, UsageError: there are none.
    """
    folder = policy_folder(project.workshop.settings)
    if named is None and folder is None:
        raise UsageError(
            "no file is named, and gatehost.toml has no [policy] folder",
            where="FILE",
            next_step="Name a file of cases: gatehost policy test cases.toml",
        )
    place = Path(named) if named is not None else (folder or Path()) / "tests"
    if place.is_dir():
        found = sorted(place.glob("*.toml"))
        if not found or len(found) > _MOST_FILES:
            what = f"more than {_MOST_FILES} files" if found else "no *.toml file"
            raise ConfigError(
                f"there is {what} of cases", where=shown(place), next_step="Put [[cases]] into a file there"
            )
        return found
    if not place.exists():
        raise ConfigError("it does not exist", where=shown(place), next_step="Name a file or folder of cases")
    return [place]


def _run(file: TomlFile, project: PolicyProject, engine: CedarEngine) -> Iterator[_Outcome]:
    document = check(file, _Cases)
    if document.version != 1:
        raise file.fault(("version",), "`version` must be 1", next_step="Write `version = 1`, or use a newer gatehost")
    for index, case in enumerate(document.cases):
        try:
            question = _question(case, project)
        except NotCanonical as error:
            raise file.fault(("cases", index, "arguments"), str(error), next_step="Correct the value") from error
        except (ConfigError, UsageError) as error:
            next_step = error.next_step or "Correct the case"
            raise file.fault(("cases", index), error.what, next_step=next_step) from error
        _check_ids(file, index, case, engine)
        explained = engine.explain(question)
        fault = _fault(case, explained.decision.word, explained.deciding, _unjudged(explained.decision))
        yield _Outcome(file.path, case, explained.decision.word, explained.deciding, fault)


def _question(case: Case, project: PolicyProject) -> PolicyQuestion:
    if (case.tool is None) == (case.model is None):
        raise ConfigError("a case names either a tool or a model", next_step='Write tool = "server.tool"')
    principal = project.principal(case.agent, user=case.user, roles=case.roles)
    if case.model is not None:
        resource, consent, action = project.model(case.model), "policy", case.action or "send"
    else:
        resource, rule = project.tool(case.tool or "")
        consent, action = case.consent or rule.approve, case.action or "call"
    return PolicyQuestion(
        action=action,
        principal=principal,
        resource=resource,
        arguments=cast("JsonObject", canonicalise(case.arguments)),
        labels=frozenset(case.labels),
        tainted=case.tainted,
        untrusted=frozenset(case.untrusted),
        budget={str(name): amount for name, amount in case.budget.items()},
        now=float(case.time),
        attended=case.attended,
        approved=frozenset(case.approved),
        consent=consent,
    )


def _check_ids(file: TomlFile, index: int, case: Case, engine: CedarEngine) -> None:
    known = engine.rulebook.policies
    named: Iterable[tuple[str, str]] = [("rule", case.rule)] if case.rule is not None else []
    for key, name in (*named, *(("approved", name) for name in case.approved)):
        if name not in known:
            raise file.fault(
                ("cases", index, key),
                f"there is no rule `{escape_line(name, 100)}`",
                next_step=advice(name, known, noun="rule"),
            )


def _unjudged(decision: object) -> str:
    """Why a question could not be judged; empty where it was."""
    if not isinstance(decision, Deny):
        return ""
    return "; ".join(reason.text for reason in decision.reasons if reason.code in _UNJUDGED)


def _fault(case: Case, word: DecisionWord, rules: tuple[str, ...], unjudged: str) -> str:
    if unjudged:
        return f"expected {case.expect}, and it could not be judged: {unjudged}"
    by = f" by {', '.join(rules)}" if rules else " (no rule)"
    if word != case.expect:
        return f"expected {case.expect}, got {word}{by}"
    if case.rule is not None and case.rule not in rules:
        return f"expected {case.expect} by {case.rule}, got {word}{by}"
    return ""
