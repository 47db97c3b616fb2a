"""`gatehost.toml`: models, agents, approvals. Optional, and sane without.

Decides: the file's keys and defaults, which model a run gets when nobody or somebody names one, and what the
environment alone provides. Does not decide what an adapter makes of its settings, nor what a scope allows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from adapters.interface import Location, ModelSettings
from context.errors import ConfigError
from context.quantities import Span
from context.visible_text import escape_line
from host.config.nearest_names import advice, nearest
from host.config.secret_refs import SecretRef, fetch, is_set, parse_reference
from host.config.toml_files import NOT_AVAILABLE, KeyPath, TomlFile, check, read_toml
from sandboxes.lifecycle.slots import SlotLimits, at_most
from tool_gateway.provenance.evidence import ProvenanceMode
from tool_gateway.redaction.settings import RedactionSettings
from tool_gateway.rules import Settings as Table
from tool_gateway.stages.settings import StageSettings

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Where the provider's own SDK goes unless `OPENAI_BASE_URL` says otherwise."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LATER_TABLES = ("routes", "packs", "record", "telemetry", "context")
_LATER_PROVIDERS = ("anthropic", "gemini", "ollama", "openai", "recorded")
_PROVIDERS = ("openai_chat", "scripted")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Price(Table):
    """USD per million tokens."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)


class ModelTable(Table):
    """One `[models.NAME]` table.

    Attributes:
        model: As the provider names it; for `scripted` the script's file, relative to this file.
        key: A reference, never the key itself.
        window: Tokens.
        timeout: Seconds without a byte before a request counts as dead.
    """

    adapter: Text
    model: Text
    base_url: Text | None = None
    key: str | None = None
    location: Location = "cloud"
    window: int | None = Field(default=None, gt=0)
    price: Price | None = None
    timeout: Span = 120.0


class Budget(Table):
    """Bounds of one run. `seconds` of wall time; None means the program's own default."""

    turns: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)


class AgentTable(Table):
    """One `[agents.NAME]` table.

    Attributes:
        models: `[models]` names or PROVIDER:ID. The first whose key can be had is used.
        tools: `server.tool` globs; the agent's scope.
        roles: Of the agent; policies see them beside those of the user.
        provenance: Which arguments must come from the user, the configuration or a trusted source.
        checks: What is checked before a send, during the run, and of the answer.
        word_grants: May the user's own words name the source of a value, and narrow the task?
    """

    models: tuple[Text, ...] = ()
    tools: tuple[Text, ...] = ("*",)
    roles: tuple[Text, ...] = ()
    instructions: str = ""
    budget: Budget = Budget()
    provenance: ProvenanceMode = "strict"
    word_grants: bool = True
    checks: StageSettings = StageSettings()


class PolicyTable(Table):
    """`[policy]`: the folder of `*.cedar` files, relative to this file; added to the shipped set."""

    folder: Text


class PersonTable(Table):
    """One `[people.NAME]` table: what a user of this machine may approve.

    Attributes:
        roles: As `@approvers` in policies names them.
    """

    roles: tuple[Text, ...] = ()


class IdentityTable(Table):
    """`[identity]`: for whom agents act, where it is not the operating system's user."""

    user: Text | None = None


class LimitsTable(Table):
    """`[limits]`: bounds over all runs of this user.

    Attributes:
        sandboxes: How many may exist at one time; None means the program's own default.
    """

    sandboxes: int | None = Field(default=None, gt=0, le=10_000)


class ApprovalsTable(Table):
    """What happens to questions that nobody is there to answer. `expires` in seconds."""

    unattended: Literal["deny", "wait"] = "deny"
    expires: Span = 86400.0


class _Document(Table):
    version: int = 1
    models: dict[str, ModelTable] = Field(default_factory=dict[str, ModelTable])
    agents: dict[str, AgentTable] = Field(default_factory=dict[str, AgentTable])
    approvals: ApprovalsTable = ApprovalsTable()
    policy: PolicyTable | None = None
    people: dict[str, PersonTable] = Field(default_factory=dict[str, PersonTable])
    identity: IdentityTable = IdentityTable()
    limits: LimitsTable = LimitsTable()
    redaction: RedactionSettings = RedactionSettings()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force.

    Attributes:
        agents: Always has `default`.
        path: The file, absolute, or None where there is none.
        warnings: One sentence each, to be shown.
    """

    models: Mapping[str, ModelTable] = field(default_factory=dict[str, ModelTable])
    agents: Mapping[str, AgentTable] = field(default_factory=lambda: {"default": AgentTable()})
    approvals: ApprovalsTable = field(default_factory=ApprovalsTable)
    policy: PolicyTable | None = None
    people: Mapping[str, PersonTable] = field(default_factory=dict[str, PersonTable])
    identity: IdentityTable = field(default_factory=IdentityTable)
    limits: LimitsTable = field(default_factory=LimitsTable)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    path: Path | None = None
    warnings: tuple[str, ...] = ()
    file: TomlFile | None = field(default=None, repr=False)

    def agent(self, name: str | None = None) -> AgentTable:
        """The agent called `name`, else `default`.

        Raises:
            ConfigError: there is none; names the nearest one.
        """
        wanted = "default" if name is None else name
        if wanted not in self.agents:
            raise ConfigError(
                f"there is no agent `{escape_line(wanted, 60)}`",
                where=self.where("agents"),
                next_step=advice(wanted, self.agents, noun="agent"),
            )
        return self.agents[wanted]

    @property
    def slots(self) -> SlotLimits | None:
        """The cap on sandboxes; None for the default."""
        return at_most(self.limits.sandboxes) if self.limits.sandboxes is not None else None

    def where(self, *keys: str | int) -> str:
        """`FILE:LINE: key.path`, for errors about the settings."""
        return self.file.where(*keys) if self.file else "gatehost.toml (there is none)"


def location_of(table: ModelTable) -> Location:
    """Where a model runs: as its table says; a script is played here, and anything else counts as `cloud`."""
    is_said = "location" in table.model_fields_set
    return "local" if table.adapter == "scripted" and not is_said else table.location


def load_settings(path: Path | None) -> Settings:
    """Read and check the settings; the defaults where `path` is None.

    Raises:
        ConfigError: names file, line, key path and the next step.
    """
    if path is None:
        return Settings()
    path = path.absolute()
    file = read_toml(path, next_step="Name it with --config FILE, or leave it out: gatehost works without")
    _refuse_later(file)
    document = check(file, _Document)
    if document.version != 1:
        raise file.fault(("version",), "`version` must be 1", next_step="Write `version = 1`, or use a newer gatehost")
    warnings: list[str] = []
    for name, table in document.models.items():
        _check_model(file, name, table)
        if table.key is not None and table.base_url is not None and _goes_unprotected(table.base_url):
            warnings.append(
                f"{file.where('models', name, 'base_url')}: the key and all content go there unencrypted (http)"
            )
    for name, agent in document.agents.items():
        _check_name(file, ("agents", name))
        for index, model in enumerate(agent.models):
            if ":" not in model and model not in document.models:
                raise file.fault(
                    ("agents", name, "models", index),
                    f"there is no model `{escape_line(model, 60)}`",
                    next_step=_model_advice(model, document.models),
                )
    return Settings(
        models=document.models,
        agents={"default": AgentTable(), **document.agents},
        approvals=document.approvals,
        policy=document.policy,
        people=document.people,
        identity=document.identity,
        limits=document.limits,
        redaction=document.redaction,
        path=path,
        warnings=tuple(warnings),
        file=file,
    )


def resolve_model(
    text: str | None,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    agent: str | None = None,
    folder: Path | None = None,
) -> ModelSettings:
    """The model of a run, its key fetched.

    Args:
        text: A `[models]` name, `openai_chat:ID` or `scripted:FILE`. None: the agent's first model whose key can
            be had, else the only `[models]` entry, else `OPENAI_MODEL`.
        folder: Where the FILE of `scripted:FILE` starts; the current one when left out.

    Raises:
        ConfigError: nothing names a model, or it cannot be used; with the next step.
    """
    base = folder if folder is not None else Path.cwd()
    if text is not None:
        return _named(text, settings, environ, base, where="--model")
    models = settings.agent(agent).models
    if models:
        index = next((place for place, model in enumerate(models) if _eligible(model, settings, environ)), 0)
        own_folder = settings.path.parent if settings.path else base
        where = settings.where("agents", agent or "default", "models", index)
        return _named(models[index], settings, environ, own_folder, where=where)
    if len(settings.models) == 1:
        return _from_table(next(iter(settings.models)), settings, environ)
    if (model := environ.get("OPENAI_MODEL", "").strip()) and _has_openai(environ):
        return _from_environment(f"openai_chat:{model}", model, environ, where="OPENAI_MODEL")
    raise _no_model(settings, environ)


def _named(text: str, settings: Settings, environ: Mapping[str, str], folder: Path, *, where: str) -> ModelSettings:
    if text in settings.models:
        return _from_table(text, settings, environ)
    provider, colon, rest = text.partition(":")
    if not colon:
        raise ConfigError(
            f"there is no model `{escape_line(text, 60)}`",
            where=where,
            next_step=_model_advice(text, settings.models),
        )
    if provider in _LATER_PROVIDERS:
        also = f"; use openai_chat:{escape_line(rest, 100)}" if provider == "openai" else ""
        raise ConfigError(
            f"the model provider `{provider}` {NOT_AVAILABLE}{also}", where=where, next_step=_forms(settings.models)
        )
    if provider not in _PROVIDERS:
        near = nearest(provider, _PROVIDERS)
        raise ConfigError(
            f"there is no model provider `{escape_line(provider, 60)}`; the nearest one is `{near}`",
            where=where,
            next_step=_forms(settings.models),
        )
    if not rest.strip() and provider == "scripted":
        raise ConfigError(
            "`scripted:` names no file", where=where, next_step="Write the script's path behind it: scripted:FILE"
        )
    if not rest.strip():
        raise ConfigError(f"`{provider}:` names no model", where=where, next_step=_forms(settings.models))
    if provider == "scripted":
        return ModelSettings(name=text, adapter="scripted", model=_script(rest, folder, where), location="local")
    return _from_environment(text, rest, environ, where=where)


def _from_table(name: str, settings: Settings, environ: Mapping[str, str]) -> ModelSettings:
    from adapters import registry

    table = settings.models[name]
    keys = ("models", name)
    folder = settings.path.parent if settings.path else Path.cwd()
    registry.get(table.adapter, where=settings.where(*keys, "adapter"))
    model = table.model
    if table.adapter == "scripted":
        model = _script(model, folder, settings.where(*keys, "model"))
    key = None
    if table.key is not None:
        where = settings.where(*keys, "key")
        key = fetch(parse_reference(table.key, where=where), environ=environ, folder=folder, where=where)
    return ModelSettings(
        name=name,
        adapter=table.adapter,
        model=model,
        base_url=table.base_url,
        key=key,
        location=location_of(table),
        window=table.window,
        price=table.price.model_dump() if table.price else None,
        timeout=table.timeout,
    )


def _from_environment(text: str, model: str, environ: Mapping[str, str], *, where: str) -> ModelSettings:
    """A model without a table. Counts as `cloud` wherever it is: a loopback address may be a proxy."""
    if not _has_openai(environ):
        raise ConfigError(
            f"`{escape_line(text, 100)}` needs OPENAI_API_KEY or OPENAI_BASE_URL, and neither is set",
            where=where,
            next_step="Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local endpoint such as http://127.0.0.1:8000/v1",
        )
    ref = SecretRef("env", "OPENAI_API_KEY")
    folder = Path.cwd()
    key = fetch(ref, environ=environ, folder=folder, where=where) if environ.get(ref.name) else None
    return ModelSettings(
        name=text,
        adapter="openai_chat",
        model=model,
        base_url=environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_BASE_URL,
        key=key,
    )


def _has_openai(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL", "").strip())


def _eligible(model: str, settings: Settings, environ: Mapping[str, str]) -> bool:
    table = settings.models.get(model)
    if table is None:
        return not model.startswith("openai_chat:") or _has_openai(environ)
    if table.key is None:
        return True
    folder = settings.path.parent if settings.path else Path.cwd()
    return is_set(parse_reference(table.key, where=model), environ=environ, folder=folder)


def _script(text: str, folder: Path, where: str) -> str:
    try:
        path = (folder / text).absolute()
        there = path.is_file()
    except (OSError, ValueError):
        path, there = folder, False
    if not there:
        raise ConfigError(
            f"there is no script `{escape_line(text, 200)}`", where=where, next_step="Correct the path of the script"
        )
    return str(path)


def _refuse_later(file: TomlFile) -> None:
    for name in _LATER_TABLES:
        if name in file.data:
            raise file.not_available((name,))
    agents = file.data.get("agents")
    if not isinstance(agents, dict):
        return
    for name, table in agents.items():
        if not isinstance(table, dict):
            continue
        budget = table.get("budget")
        if isinstance(budget, dict) and "usd" in budget:
            raise file.not_available(
                ("agents", name, "budget", "usd"), next_step="Bound the run with `turns` and `seconds`"
            )


def _check_model(file: TomlFile, name: str, table: ModelTable) -> None:
    keys: KeyPath = ("models", name)
    _check_name(file, keys)
    if table.key is not None:
        parse_reference(table.key, where=file.where(*keys, "key"))
    if table.base_url is not None:
        try:
            parts = urlsplit(table.base_url)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        except ValueError:
            good = False
        if not good:
            raise file.fault(
                (*keys, "base_url"),
                "`base_url` is no http or https address without user and password",
                next_step='Write for example base_url = "http://127.0.0.1:8000/v1"',
            )


def _check_name(file: TomlFile, keys: KeyPath) -> None:
    if not _NAME.fullmatch(str(keys[-1])):
        raise file.fault(keys, "a name has 1 to 64 of the characters A-Z, a-z, 0-9, _, . and -", next_step="Rename it")


def _goes_unprotected(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def _model_advice(name: str, models: Mapping[str, ModelTable]) -> str:
    return f"{advice(name, models, noun='model')} {_forms({})}" if models else _forms(models)


def _forms(models: Mapping[str, ModelTable]) -> str:
    names = ", ".join(sorted(models))
    own = f"one of your models ({names}), " if names else ""
    return f"Name {own}openai_chat:ID or scripted:FILE"


def _no_model(settings: Settings, environ: Mapping[str, str]) -> ConfigError:
    if _has_openai(environ):
        next_step = "Name one with --model openai_chat:ID, or set OPENAI_MODEL=ID"
    elif settings.models:
        next_step = (
            f"Name one with --model: {', '.join(sorted(settings.models))}; or list it in [agents.default] models"
        )
    else:
        next_step = (
            "Set OPENAI_API_KEY and name one with --model openai_chat:ID, or describe one in gatehost.toml "
            "([models.NAME] with adapter, model, base_url)"
        )
    return ConfigError("no model is named", where=settings.where("agents", "default", "models"), next_step=next_step)
