"""Before a view is sent to a model: may this content go there, is there budget for it, can that model do it at all.

Decides: allow or deny for one model, and the first of several that may be asked. Does not decide which models an agent
has, nor what Cedar says of the send (`tool_gateway.policy`), nor anything about calls.

All facts are passed in; what is not known of a model (its window, its prices) is no reason to refuse it, what is known
of the content (its labels) is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from context.decisions import Allow, Deny, Reason
from context.labels import TRUSTED, Label
from context.visible_text import escape_line
from tool_gateway.stages.settings import StageSettings


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as configured.

    Attributes:
        window: Tokens of a view and its answer together; None: not known.
        input_price, output_price: USD per million tokens; None: not known.
        takes_tools, takes_images: What it can be sent.
    """

    name: str
    location: Literal["local", "cloud"]
    window: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    takes_tools: bool = True
    takes_images: bool = True


@dataclass(frozen=True, slots=True)
class SendFacts:
    """What would be sent.

    Attributes:
        label: Join over everything in the view.
        input_tokens: Of the view, estimated.
        output_tokens: Reserved for the answer.
        left: What is left of the run's bounded means: `turns`, `seconds`, `cents`. What is absent is not bounded.
    """

    label: Label = TRUSTED
    input_tokens: int = 0
    output_tokens: int = 0
    tools: int = 0
    images: int = 0
    left: Mapping[str, float] = field(default_factory=dict[str, float])


class SendGate(Protocol):
    """One check of one send. Pure; one that raises counts as a denial."""

    @property
    def name(self) -> str: ...

    def judge(self, model: ModelFacts, send: SendFacts, settings: StageSettings) -> Allow | Deny: ...


class ClassificationGate:
    """Content that is labelled as staying here goes to no model elsewhere."""

    name = "classification"

    def judge(self, model: ModelFacts, send: SendFacts, settings: StageSettings) -> Allow | Deny:
        kept = sorted(send.label.confidentiality.intersection(settings.local_only))
        if model.location == "local" or not kept:
            return Allow()
        words = ", ".join(escape_line(word, 64) for word in kept)
        return _deny(
            self.name,
            "stays_local",
            f"the conversation holds content labelled {words}, and model {_shown(model)} is a cloud model",
            'Use a model with location = "local" for it',
        )


class BudgetGate:
    """A send that the run's means do not cover is not begun."""

    name = "budget"

    def judge(self, model: ModelFacts, send: SendFacts, settings: StageSettings) -> Allow | Deny:
        for means in ("turns", "seconds"):
            if send.left.get(means, 1) <= 0:
                return _deny(self.name, "used_up", f"the run has no {means} left", f"Raise the budget's {means}")
        cents = send.left.get("cents")
        cost = _cents(model, send)
        if cents is None or (cost <= cents and cents > 0):
            return Allow()
        text = f"asking model {_shown(model)} may cost {cost:.2f} cents; the run has {max(cents, 0):.2f} left"
        return _deny(self.name, "too_costly", text, "Raise the budget, or use a cheaper model")


class RoutingGate:
    """A model that cannot take what would be sent is not asked."""

    name = "routing"

    def judge(self, model: ModelFacts, send: SendFacts, settings: StageSettings) -> Allow | Deny:
        needed = send.input_tokens + send.output_tokens
        if model.window is not None and needed > model.window:
            text = f"the conversation needs about {needed:,} tokens; model {_shown(model)} takes {model.window:,}"
            return _deny(self.name, "window_too_small", text, "Use a model with a larger window")
        if send.tools and not model.takes_tools:
            return _deny(self.name, "no_tools", f"model {_shown(model)} takes no tools", "Use one that does")
        if send.images and not model.takes_images:
            return _deny(self.name, "no_images", f"model {_shown(model)} takes no images", "Use one that does")
        return Allow()


BEFORE: tuple[SendGate, ...] = (ClassificationGate(), BudgetGate(), RoutingGate())
"""The checks of a send, in their order."""


def judge_send(model: ModelFacts, send: SendFacts, settings: StageSettings) -> Allow | Deny:
    """All checks in order; the first denial counts."""
    for gate in BEFORE:
        decision = gate.judge(model, send, settings)
        if isinstance(decision, Deny):
            return decision
    return Allow()


@dataclass(frozen=True, slots=True)
class Route:
    """Which model is asked, and why not those before it."""

    index: int
    passed_over: tuple[Reason, ...] = ()


def first_eligible(models: Sequence[ModelFacts], send: SendFacts, settings: StageSettings) -> Route | Deny:
    """The first of an agent's models that may be asked; all reasons when none may."""
    reasons: list[Reason] = []
    for index, model in enumerate(models):
        decision = judge_send(model, send, settings)
        if isinstance(decision, Allow):
            return Route(index, tuple(reasons))
        reasons.extend(decision.reasons)
    return Deny(tuple(reasons) or (Reason("routing", "no_model", "the agent has no model to ask"),))


def _cents(model: ModelFacts, send: SendFacts) -> float:
    dollars = send.input_tokens * (model.input_price or 0) + send.output_tokens * (model.output_price or 0)
    return dollars / 10_000


def _shown(model: ModelFacts) -> str:
    return escape_line(model.name, 64)


def _deny(gate: str, code: str, text: str, remedy: str) -> Deny:
    return Deny((Reason(gate, code, text, remedy=remedy),))
