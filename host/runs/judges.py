"""What judges one run besides its tools' own rules: policies, what it has read, for whom it acts, what is hidden.

Decides: which of the project's files and of the user's words become rules, grants and knowledge, and how a resumed run
remembers. Does not decide any call (`tool_gateway`), nor what words or policies mean.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from context.calls import CallResult, ToolRef
from context.errors import ConfigError, GatehostError, JournalError
from context.json_values import JsonValue, digest
from context.labels import Label
from context.messages import Message, ToolCall, ToolResult
from context.runs import StoredCall
from host.config.policy_files import declared_shapes, load_engine
from host.config.settings_file import AgentTable, Settings
from host.config.toml_files import check, read_toml
from host.config.workshop import Workshop
from host.identity import who_runs_this
from host.people import find_person
from host.runs.flags import RunFlags
from host.version import VERSION
from sandboxes.secrets.values import SecretValues
from tool_gateway.admission import Admission
from tool_gateway.approvals import given_by_a_person
from tool_gateway.interface import KnownTool, PolicyEngine, Scope
from tool_gateway.policy.question import Principal
from tool_gateway.provenance.endorsements import parse_endorsement
from tool_gateway.provenance.evidence import Grant, Means, TaskScope
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.redaction import RedactionSettings, Redactor
from tool_gateway.redaction.personal import personal_rules
from tool_gateway.redaction.rules import SHIPPED, SecretRule
from tool_gateway.redaction.scanner import Scanner
from tool_gateway.redaction.user_rules import UserRulesFile, user_rules, with_shipped
from tool_gateway.task.reading import explain, read_words

_KEY_BYTES = 32
_HEARD = 20
"""Messages of the user that are read for what they ask."""

_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Judges:
    """See the module.

    Attributes:
        version: Digest of every rule in force; part of every approval's binding.
        told: What the user's words were read to mean, one line each, for people and the record.
        redactor, scanner: Hide what results hold, and look for it in answers.
    """

    policy: PolicyEngine
    knowledge: RunKnowledge
    principal: Principal
    admission: Admission
    version: str
    redaction: RedactionSettings
    redactor: Redactor
    scanner: Scanner
    told: tuple[str, ...] = ()


def appoint(
    workshop: Workshop,
    *,
    run_id: str,
    agent_name: str,
    agent: AgentTable,
    scope: Scope,
    tools: Sequence[KnownTool],
    flags: RunFlags,
    client: bool = False,
    resumed: bool = False,
) -> Judges:
    """The judges of a run.

    Args:
        client: Another host's client proposes the calls, and its user is not heard.

    Raises:
        ConfigError, UsageError: a policy, an endorsement or a redaction rule is wrong; nothing was started.
    """
    settings = workshop.settings
    user = settings.identity.user or who_runs_this()
    person = find_person(settings.people, user)
    principal = Principal(agent_name, user, frozenset({*agent.roles, *person.roles}))
    policy = load_engine(settings, tools=declared_shapes(workshop.servers, workshop.lock))
    means = Means() if agent.word_grants else replace(Means(), word_grants=False, task_scope=False)
    knowledge = RunKnowledge(agent.provenance, means=means, own_values=client)
    knowledge.configured(_configured(agent, tools))
    told: list[str] = []
    for text in flags.endorse:
        grant = parse_endorsement(text, tools)
        knowledge.grant(grant)
        told.append(f"endorsed: {grant}")
    if agent.provenance == "off":
        told.append("provenance is off: where values come from is not judged")
    rules = _secret_rules(settings)
    personal = personal_rules(phone_region=settings.redaction.phone_region)
    redactor = Redactor(
        _run_key(workshop.home.folder, run_id),
        rules=rules,
        personal=personal,
        declared=_declared(workshop),
        resumed=resumed,
    )
    for tool in tools:
        _check_exceptions(tool, redactor)
    return Judges(
        policy=policy,
        knowledge=knowledge,
        principal=principal,
        admission=workshop.admission,
        version=_version(workshop, scope, policy, agent),
        redaction=settings.redaction,
        redactor=redactor,
        scanner=Scanner(rules, personal),
        told=tuple(told),
    )


def hear(
    judges: Judges, messages: Iterable[Message], *, agent: AgentTable, scope: Scope, tools: Sequence[KnownTool]
) -> list[str]:
    """Read the task and what it grants from the user's own words in this session; what they were read to mean.

    "Go on" means what was asked before, so earlier words count as well. Words too few to name anything narrow nothing.
    """
    if agent.provenance == "off" or not agent.word_grants:
        return []
    said = [message.text for message in messages if message.role == "user" and message.label.integrity == "trusted"]
    readings = [read_words(text, tools, scope=scope) for text in said[-_HEARD:]]
    tasks = [reading.task for reading in readings if reading.task is not None]
    effects = {ref: words for task in tasks for ref, words in task.effects.items()}
    vague = not effects and sum(len(text.split()) for text in said) < _FEWEST_WORDS
    judges.knowledge.task(TaskScope(effects) if tasks and not vague else None)
    for reading in readings:
        for grant in reading.grants:
            judges.knowledge.grant(grant)
    if not readings:
        return []
    return ["from your words: too few to tell what is asked; nothing is narrowed"] if vague else explain(readings[-1])


def remember(
    knowledge: RunKnowledge,
    messages: Iterable[Message],
    calls: Sequence[StoredCall],
    grants: Iterable[Grant],
    tools: Sequence[KnownTool],
) -> None:
    """Bring what the session's rows hold back into a run's knowledge, in their order.

    Args:
        messages: Of the session so far.
        calls: Of this run. Those of earlier runs are known by their messages alone.
        grants: Given with answers in this run.
    """
    own = {call.call_id: call for call in calls}
    known = {tool.ref.model_name: tool for tool in tools}
    proposed: dict[str, ToolCall] = {}
    for turn, message in enumerate(messages):
        if message.role == "user" and message.label.integrity == "trusted":
            knowledge.user_said(message.text)
        elif message.role == "assistant":
            knowledge.model_said(turn, message.text)
            proposed.update((call.call_id, call) for call in message.calls)
        for part in message.parts:
            if isinstance(part, ToolResult):
                _remember_result(knowledge, part, message.label, own.get(part.call_id), known, proposed)
    for grant in grants:
        knowledge.grant(grant)


def _remember_result(
    knowledge: RunKnowledge,
    part: ToolResult,
    label: Label,
    own: StoredCall | None,
    known: dict[str, KnownTool],
    proposed: dict[str, ToolCall],
) -> None:
    if own is not None and own.state == "denied":
        return  # the gateway's own words
    tool = known.get(part.name)
    call = proposed.get(part.call_id)
    arguments = (own.arguments if own else None) or (call.arguments if call else None) or {}
    # What is said of a whole turn holds for each of its results; a tool's own label only says it more exactly.
    said = tool.returns if tool is not None and label.integrity == "untrusted" else label
    structured: JsonValue = (own.result or {}).get("structured") if own is not None else None
    ref = tool.ref if tool is not None else ToolRef("unknown", part.name[:64] or "unknown")
    result = CallResult(part.content, structured, is_error=part.is_error, label=said)
    vouched = own is not None and given_by_a_person(own.approval)
    knowledge.returned(part.call_id, ref, arguments, said, result, vouched=vouched)


def _configured(agent: AgentTable, tools: Iterable[KnownTool]) -> Iterator[str]:
    """The operator's own words: instructions, and the constants and folders of rules."""
    if agent.instructions:
        yield agent.instructions
    for tool in tools:
        for rule in tool.rule.arguments.values():
            yield from (str(value) for value in rule.one_of or () if isinstance(value, str | int | float))
            yield from rule.path_within or ()


def _version(workshop: Workshop, scope: Scope, policy: PolicyEngine, agent: AgentTable) -> str:
    servers = workshop.servers
    rules: JsonValue = (
        {name: server.model_dump(mode="json") for name, server in servers.servers.items()} if servers else None
    )
    run_tools: JsonValue = list(scope.run_tools) if scope.run_tools is not None else None
    return digest(
        [VERSION, rules, list(scope.agent_tools), run_tools, policy.version, agent.provenance, agent.word_grants]
    )


def _secret_rules(settings: Settings) -> tuple[SecretRule, ...]:
    if settings.redaction.rules is None:
        return SHIPPED
    base = settings.path.parent if settings.path is not None else Path.cwd()
    file = read_toml(
        base / settings.redaction.rules, next_step=f"Correct `rules` in {settings.where('redaction', 'rules')}"
    )
    return with_shipped(user_rules(check(file, UserRulesFile), fault=file.fault))


def _declared(workshop: Workshop) -> Callable[[str], str] | None:
    """Every declared secret that can be had now: what one server holds, another might print."""
    found: dict[str, str] = {}
    for name in workshop.servers.servers if workshop.servers is not None else ():
        with suppress(GatehostError):  # its own start says what is wrong with it
            values = workshop.servers.secrets(name, workshop.environ) if workshop.servers else {}
            found.update({f"{name}.{secret}": value for secret, value in values.items()})
    return SecretValues(found).hide if found else None


def _check_exceptions(tool: KnownTool, redactor: Redactor) -> None:
    for kind in tool.rule.unredacted:
        if kind not in redactor.kinds:
            raise ConfigError(
                f"there is no kind `{kind[:64]}` of secrets or personal data",
                where=f"servers.{tool.ref.server}.tools.{tool.ref.tool}.unredacted",
                next_step=f"The kinds are: {', '.join(sorted(redactor.kinds))}",
            )


def _run_key(home: Path, run_id: str) -> bytes:
    """Secret, and the same whenever this run goes on: from a key that never leaves this folder."""
    path = home / "redaction.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = _new_key(path)
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(key) != _KEY_BYTES:
        raise JournalError(
            "is damaged", where=str(path), next_step="Remove it; placeholders of earlier runs are then no longer known"
        )
    return hmac.new(key, run_id.encode(), hashlib.sha256).digest()


def _new_key(path: Path) -> bytes:
    """Written whole under another name first: two processes may start in a new folder at once, and one key stays."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return path.read_bytes()
    except OSError as error:
        raise JournalError(f"cannot be written: {error.strerror}", where=str(path)) from error
