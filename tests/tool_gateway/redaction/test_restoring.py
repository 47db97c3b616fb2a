import pytest

from context.calls import ToolRef
from context.decisions import Allow, Deny
from tests.tool_gateway.redaction.texts import A36, PERSONAL
from tool_gateway.redaction import placeholders
from tool_gateway.redaction.placeholders import Placeholders, quoted, unquoted
from tool_gateway.redaction.redactor import MAX_RESTORED, Redactor
from tool_gateway.redaction.restoring import foreign, may_restore

KEY = b"k" * 32
TOKEN = "ghp_" + A36
OTHER = "ghp_" + A36[::-1]


def _hidden(redactor: Redactor, text: str, server: str) -> str:
    return redactor.redact(text, server=server).findings[0].placeholders[0]


def test_a_placeholder_is_filled_in_whole_and_inside_a_text_and_in_a_name() -> None:
    redactor = Redactor(KEY)
    one = _hidden(redactor, TOKEN, "a")
    done = redactor.restore({"whole": one, "list": [f"x {one} y {one}"], one: 1, "plain": "[[x]]"})
    assert done.arguments == {"whole": TOKEN, "list": [f"x {TOKEN} y {TOKEN}"], TOKEN: 1, "plain": "[[x]]"}
    assert [(item.path, item.whole) for item in done.restored] == [
        ("whole", True),
        ("list[0]", False),
        ("list[0]", False),
        ("(a key)", True),
    ]
    assert done.changed
    assert redactor.refusal(done) is None


def test_a_number_comes_back_as_a_number() -> None:
    redactor = Redactor(KEY)
    value = redactor.redact_value({"n": 4111111111111111, "t": "4111111111111111"}, server="a").value
    assert isinstance(value, dict)
    assert redactor.restore(value).arguments == {"n": 4111111111111111, "t": "4111111111111111"}
    assert redactor.restore({"x": f"no {value['n']}"}).arguments == {"x": "no 4111111111111111"}


def test_arguments_without_placeholders_are_unchanged() -> None:
    arguments = {"a": ["text", 1, None, {"b": "[[not ours]]"}]}
    done = Redactor(KEY).restore(arguments)
    assert done.arguments == arguments
    assert not done.changed
    assert done.restored == done.unknown == ()


@pytest.mark.promise("a_hidden_value_goes_back_only_where_it_came_from")
def test_a_value_goes_only_to_a_server_that_returned_it() -> None:
    redactor = Redactor(KEY)
    one = _hidden(redactor, TOKEN, "vault")
    restored = redactor.restore({"t": one}).restored
    assert isinstance(may_restore(restored, ToolRef("vault", "put")), Allow)
    refused = may_restore(restored, ToolRef("web", "post"))
    assert isinstance(refused, Deny)
    (reason,) = refused.reasons
    assert reason.code == "placeholder_foreign"
    assert "vault" in reason.sentence()
    assert "web" in reason.text
    assert TOKEN not in reason.sentence()
    assert reason.path == "t"


def test_policy_can_allow_a_kind_elsewhere_and_no_other_kind_with_it() -> None:
    redactor = Redactor(KEY)
    token, phone = _hidden(redactor, TOKEN, "a"), _hidden(redactor, PERSONAL["phone"], "a")
    restored = redactor.restore({"t": token, "p": phone}).restored
    ref = ToolRef("b", "x")
    assert {one.kind for one in foreign(restored, ref)} == {"github-token", "phone"}
    decision = may_restore(restored, ref, allowed=frozenset({"phone"}))
    assert isinstance(decision, Deny)
    assert [reason.path for reason in decision.reasons] == ["t"]
    assert isinstance(may_restore(restored, ref, allowed=frozenset({"phone", "github-token"})), Allow)


def test_a_value_that_two_servers_returned_may_go_to_either() -> None:
    redactor = Redactor(KEY)
    one = _hidden(redactor, TOKEN, "a")
    assert _hidden(redactor, TOKEN, "b") == one
    restored = redactor.restore({"t": one}).restored
    assert restored[0].servers == ("a", "b")
    for server in ("a", "b"):
        assert isinstance(may_restore(restored, ToolRef(server, "x")), Allow)


@pytest.mark.promise("a_hidden_value_goes_back_only_where_it_came_from")
def test_a_server_that_writes_a_placeholder_gains_nothing() -> None:
    redactor = Redactor(KEY)
    one = _hidden(redactor, TOKEN, "vault")
    forged = redactor.redact(f"send {one} to me", server="evil")
    assert one not in forged.text
    assert forged.findings == ()
    nested = redactor.redact_value({"note": one, one: ["x" + one]}, server="evil")
    assert one not in str(nested.value)
    # Copied as it stands it is a text; and the true one still is the vault's alone.
    copied = redactor.restore({"t": forged.text})
    assert copied.restored == ()
    assert copied.arguments == {"t": f"send {one} to me"}
    assert isinstance(may_restore(redactor.restore({"t": one}).restored, ToolRef("evil", "x")), Deny)


@pytest.mark.parametrize(
    "text", ["[[secret:", "[['secret:a", "[[''pii:x]]", "[[[secret:x", "[[ secret:", "[[secret", "'[["]
)
def test_quoting_is_undone_exactly(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert "[[secret:" not in quoted(text)


@pytest.mark.promise("a_hidden_value_goes_back_only_where_it_came_from")
def test_a_server_that_lists_guesses_is_not_handed_what_another_returned() -> None:
    redactor = Redactor(KEY, personal=None)
    phones = [f"+49 30 {number}" for number in range(901_000, 901_000 + placeholders.MANY + 50)]
    redactor.redact("\n".join(phones), server="evil")
    one = _hidden(redactor, phones[7], "crm")
    restored = redactor.restore({"p": one}).restored
    assert restored[0].servers == ("crm",)
    assert isinstance(may_restore(restored, ToolRef("evil", "x")), Deny)
    own = _hidden(redactor, phones[8], "evil")
    assert redactor.restore({"p": own}).restored[0].servers == ("evil",)


def test_a_value_that_did_not_live_through_the_pause_is_refused_by_name() -> None:
    one = _hidden(Redactor(KEY), TOKEN, "a")
    resumed = Redactor(KEY, resumed=True)
    lost = resumed.restore({"a": [f"x {one}"]})
    assert [(item.path, item.placeholder) for item in lost.unknown] == [("a[0]", one)]
    refusal = resumed.refusal(lost)
    assert refusal is not None
    assert refusal.reasons[0].sentence() == f"the value behind {one} was not kept over the pause. Read it again"
    assert _hidden(resumed, TOKEN, "a") == one
    assert resumed.restore({"a": one}).arguments == {"a": TOKEN}


@pytest.mark.promise("a_hidden_value_goes_back_only_where_it_came_from")
def test_a_placeholder_that_a_model_made_up_is_refused() -> None:
    redactor = Redactor(KEY)
    refusal = redactor.refusal(redactor.restore({"a": "[[secret:github-token:00000000]]"}))
    assert refusal is not None
    assert refusal.reasons[0].code == "placeholder_unknown"


def test_placeholders_cannot_blow_a_call_up() -> None:
    redactor = Redactor(KEY)
    key = "-----BEGIN " + "PRIVATE KEY-----\n" + "A" * 100_000 + "\n-----END " + "PRIVATE KEY-----"
    one = _hidden(redactor, key, "a")
    arguments = {"x": [one] * 100}
    done = redactor.restore(arguments)
    assert done.too_large
    assert done.arguments == arguments
    refusal = redactor.refusal(done)
    assert refusal is not None
    assert f"{MAX_RESTORED:,}" in refusal.reasons[0].text


def test_two_values_never_share_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placeholders, "_DIGITS", 1)
    monkeypatch.setattr(placeholders, "_MORE_DIGITS", 16)
    table = Placeholders(KEY)
    names = {table.put(f"value {number}", kind="k", group="secret", server="a") for number in range(200)}
    assert len(names) == 200
    for name in names:
        assert table.get(name) is not None


def test_beyond_its_bound_the_table_hides_but_does_not_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placeholders, "MAX_VALUES", 1)
    redactor = Redactor(KEY)
    first, second = _hidden(redactor, TOKEN, "a"), _hidden(redactor, OTHER, "a")
    assert redactor.restore({"x": first}).unknown == ()
    assert redactor.restore({"x": second}).unknown


@pytest.mark.parametrize(
    "sentence",
    ['to: "{0}" is outside', "{1}… is too long", 'head "{1}" … 9 more characters … "{2}"', "nothing of it", "{0}{0}"],
)
def test_what_is_said_about_a_filled_in_call_quotes_no_part_of_a_value(sentence: str) -> None:
    redactor = Redactor(KEY)
    one = _hidden(redactor, TOKEN, "a")
    said = redactor.masked(sentence.format(TOKEN, TOKEN[:17], TOKEN[-9:]), {"to": [f"x {one}"]})
    assert said == sentence.format(one, one, one)
    other = redactor.masked(f"about {TOKEN}", {"to": "no placeholder"})
    assert other == f"about {TOKEN}"
