"""What is checked before, during and after a model's work, per agent: `[agents.NAME.checks]` of `gatehost.toml`.

Decides: keys, types, defaults, and that every pattern can be used. Does not decide what a check does (`before`,
`during`, `after`). The defaults stop loops and runaway output; whatever judges content is off until it is asked for.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from tool_gateway.rules import Settings
from tool_gateway.schemas.patterns import linear_pattern

Action = Literal["stop", "wait"]
"""End the run, or suspend it until somebody resumes it."""


def _usable(text: str) -> str:
    linear_pattern(text)
    return text


def _requirement(text: str) -> str:
    if text.startswith("re:"):
        linear_pattern(text[3:])
    return text


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_usable)]
Requirement = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_requirement)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ContentPattern(Settings):
    """One entry of `patterns`: what a model may not say, or put into a call's arguments.

    Attributes:
        pattern: A regular expression of linear time (RE2), found anywhere.
    """

    pattern: Pattern
    action: Action = "stop"
    where: Literal["output", "arguments"] = "output"


class StageSettings(Settings):
    """`[agents.NAME.checks]`.

    Attributes:
        local_only: Labels whose content goes to no model with `location = "cloud"`.
        repeated_calls: How often in a row one call may be carried out with the same result; the next one ends the
            run. 0: no bound.
        no_progress: How many turns in a row may bring nothing new: every call that was carried out had been made
            before and had the same result. Turns of refusals alone neither count nor start the count again. 0: no
            bound.
        on_loop: What happens then.
        output_times: One turn's text may have this many times the expected size (the usual size of this run's turns,
            at least 4,000 tokens). 0: no bound.
        output_tokens: And at most this many tokens, estimated.
        patterns: Content that stops or suspends the run while it is said.
        required: What the answer must have: `# Heading`, `/json/pointer`, `re:PATTERN`, or a text.
        citations: `checked`: every URL, path and `[call:ID]` in the answer was really read in this run; `required`:
            and there is at least one.
        forbidden: Patterns that the answer may not match.
        answer_without: Kinds of secrets and personal data, or `secret` and `pii` for all of a group, that the answer
            may not hold.
        answer_labels: Labels of content that the answer may not come from.
    """

    local_only: tuple[Word, ...] = ("restricted", "secret", "pii")
    repeated_calls: int = Field(default=3, ge=0, le=1_000)
    no_progress: int = Field(default=8, ge=0, le=1_000)
    on_loop: Action = "stop"
    output_times: float = Field(default=8.0, ge=0, le=1_000)
    output_tokens: int | None = Field(default=None, gt=0)
    patterns: tuple[ContentPattern, ...] = Field(default=(), max_length=100)
    required: tuple[Requirement, ...] = Field(default=(), max_length=100)
    citations: Literal["none", "checked", "required"] = "none"
    forbidden: tuple[Pattern, ...] = Field(default=(), max_length=100)
    answer_without: tuple[Word, ...] = ()
    answer_labels: tuple[Word, ...] = ()
