from typing import Any

import pytest

from context.decisions import Allow, Deny
from context.labels import Label
from tool_gateway.stages import BEFORE, ModelFacts, Route, SendFacts, StageSettings, first_eligible, judge_send

LOCAL = ModelFacts("small", "local", window=8_000)
CLOUD = ModelFacts("big", "cloud", window=200_000, input_price=3.0, output_price=15.0)
DEFAULT = StageSettings()


def _code(model: ModelFacts, send: SendFacts, settings: StageSettings = DEFAULT) -> str | None:
    decision = judge_send(model, send, settings)
    return decision.reasons[0].code if isinstance(decision, Deny) else None


@pytest.mark.promise("labelled_content_stays_local")
@pytest.mark.parametrize(
    ("model", "words", "settings", "code"),
    [
        (CLOUD, {"pii"}, {}, "stays_local"),
        (CLOUD, {"secret"}, {}, "stays_local"),
        (CLOUD, {"restricted", "team"}, {}, "stays_local"),
        (CLOUD, {"team"}, {}, None),
        (CLOUD, set[str](), {}, None),
        (LOCAL, {"pii", "secret"}, {}, None),
        (CLOUD, {"team"}, {"local_only": ["team"]}, "stays_local"),
        (CLOUD, {"pii"}, {"local_only": []}, None),
    ],
)
def test_labelled_content_stays_with_local_models(
    model: ModelFacts, words: set[str], settings: dict[str, Any], code: str | None
) -> None:
    send = SendFacts(label=Label("untrusted", frozenset(words)))
    assert _code(model, send, StageSettings.model_validate(settings)) == code


@pytest.mark.parametrize(
    ("left", "code"),
    [
        ({}, None),
        ({"turns": 1, "seconds": 0.5, "cents": 10}, None),
        ({"turns": 0}, "used_up"),
        ({"seconds": -1}, "used_up"),
        ({"cents": 0}, "too_costly"),
        ({"cents": 4.4}, "too_costly"),
        ({"cents": 4.6}, None),
    ],
)
def test_a_send_that_the_budget_does_not_cover_is_not_begun(left: dict[str, float], code: str | None) -> None:
    # 10,000 tokens at 3 dollars a million and 1,000 at 15 are 4.5 cents.
    assert _code(CLOUD, SendFacts(input_tokens=10_000, output_tokens=1_000, left=left)) == code


def test_a_model_without_a_price_costs_nothing_but_an_empty_budget_still_stops() -> None:
    assert _code(LOCAL, SendFacts(input_tokens=10, left={"cents": 1})) is None
    assert _code(LOCAL, SendFacts(input_tokens=10, left={"cents": 0})) == "too_costly"


@pytest.mark.parametrize(
    ("model", "send", "code"),
    [
        (LOCAL, SendFacts(input_tokens=7_000, output_tokens=1_000), None),
        (LOCAL, SendFacts(input_tokens=7_001, output_tokens=1_000), "window_too_small"),
        (ModelFacts("m", "local"), SendFacts(input_tokens=10**9), None),
        (ModelFacts("m", "local", takes_tools=False), SendFacts(tools=1), "no_tools"),
        (ModelFacts("m", "local", takes_tools=False), SendFacts(), None),
        (ModelFacts("m", "local", takes_images=False), SendFacts(images=1), "no_images"),
    ],
)
def test_a_model_that_cannot_take_it_is_not_asked(model: ModelFacts, send: SendFacts, code: str | None) -> None:
    assert _code(model, send) == code


def test_the_first_eligible_model_is_asked_and_the_others_are_told() -> None:
    send = SendFacts(label=Label("untrusted", frozenset({"pii"})))
    route = first_eligible([CLOUD, LOCAL], send, DEFAULT)
    assert isinstance(route, Route)
    assert route.index == 1
    assert "big" in route.passed_over[0].text
    refused = first_eligible([CLOUD], send, DEFAULT)
    assert isinstance(refused, Deny)
    assert refused.reasons[0].remedy
    assert isinstance(first_eligible([], send, DEFAULT), Deny)


def test_the_order_is_content_first() -> None:
    assert [gate.name for gate in BEFORE] == ["classification", "budget", "routing"]
    assert isinstance(judge_send(CLOUD, SendFacts(), DEFAULT), Allow)
