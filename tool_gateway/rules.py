"""What the operator wrote about one tool: the settings of `[servers.NAME.tools.TOOL]`.

Decides: the keys, their types and their defaults. Does not decide what they mean for a call
(`gates/`), nor whether a path fits the tool's schema (`constraints.check_reachable`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from context.calls import ApproveMode, Effect
from context.labels import Label
from context.quantities import RateText, Span


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Settings(BaseModel):
    """Base of every settings class: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Returns(Settings):
    """The label of what a tool returns."""

    integrity: Literal["trusted", "untrusted"] = "untrusted"
    labels: tuple[str, ...] = ()

    def label(self) -> Label:
        return Label(self.integrity, frozenset(self.labels))


class ArgumentRule(Settings):
    """Constraints on one argument path; every one that is set must hold for every value found there.

    Attributes:
        path_within: Folders inside the sandbox; the resolved path must lie in one of them.
        not_within: Folders and files that the resolved path must not lie in.
        one_of: The only values allowed.
        pattern: A regular expression of linear time (RE2) that must match the whole value.
        minimum, maximum: Bounds of a number, inclusive.
        max_bytes: Longest UTF-8 length of a text.
        no_option: Refuses texts that a command line would read as a flag.
        url_hosts: Hosts that a URL may name, `host` or `host:port`, `*.` for subdomains.
    """

    path_within: Texts | None = None
    not_within: Texts | None = None
    one_of: tuple[Any, ...] | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_bytes: int | None = Field(default=None, ge=0)
    no_option: bool = False
    url_hosts: Texts | None = None


class ToolLimits(Settings):
    """How often and for how long one tool may be called; each narrows what its server allows.

    Attributes:
        call_timeout: Seconds of one call, after parsing.
        rate: Calls per span of time, `60/m`, `5/s`, `1000/h`.
        concurrency: Calls at one time.
        retries: Further attempts after a failure, only where repeating cannot harm.
    """

    call_timeout: Span | None = None
    rate: RateText | None = None
    concurrency: int | None = Field(default=None, ge=1)
    retries: int = Field(default=0, ge=0, le=10)


class ToolRule(Settings):
    """One listed tool.

    Attributes:
        sinks: Argument paths that decide who, where, which or how much; None: they are inferred.
        groups: Further groups that policies may speak about.
        idempotent: Calling it twice with the same arguments does no more than calling it once.
        idempotency_key: The argument that takes a key under which the server does a thing at most once.
        executable_paths: Paths whose content other programs execute may be written: `deny` or `allow`.
        unredacted: Kinds of secrets and personal data that are left in its results, by name: named exceptions.
    """

    effect: Effect
    approve: ApproveMode = "policy"
    sinks: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    idempotent: bool = False
    idempotency_key: str | None = None
    limits: ToolLimits = ToolLimits()
    executable_paths: Literal["deny", "allow"] = "deny"
    unredacted: tuple[str, ...] = ()
    returns: Returns | None = None
    arguments: Mapping[str, ArgumentRule] = Field(default_factory=dict[str, ArgumentRule])

    @property
    def repeatable(self) -> bool:
        """Whether calling twice does no more than calling once, by what the operator declared."""
        return self.effect == "read" or self.idempotent or self.idempotency_key is not None

    @model_validator(mode="after")
    def _retries_cannot_harm(self) -> Self:
        if self.limits.retries and not self.repeatable:
            raise ValueError(
                "limits.retries would repeat an effect; leave it, or declare `idempotent` or an `idempotency_key`"
            )
        return self
