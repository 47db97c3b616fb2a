from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.secret_refs import SecretRef, fetch, parse_reference
from host.config.settings_file import OPENAI_BASE_URL, Settings, load_settings, resolve_model

SMALL = """[models.small]
adapter = "openai_chat"
model = "qwen3-8b"
base_url = "http://127.0.0.1:8000/v1"
key = "env:SMALL_KEY"
location = "local"
window = 32768
price = { input = 0.0, output = 0.5 }
timeout = "90s"
"""
PRODUCT = (
    SMALL
    + """
[agents.default]
models = ["small"]
tools = ["git.*", "files.read_*"]
roles = ["developer"]
instructions = "Be brief."
provenance = "sinks"
word_grants = false
budget = { turns = 40, seconds = 600 }
checks = { repeated_calls = 5, patterns = [{ pattern = "BEGIN PRIVATE", action = "wait" }], citations = "required" }

[policy]
folder = "policies"

[people.alice]
roles = ["finance"]

[identity]
user = "alice"

[limits]
sandboxes = 4

[redaction]
rules = "gitleaks.toml"
phone_region = "DE"
label = "found"

[approvals]
unattended = "wait"
expires = "12h"
"""
)
SECRET = "sk-0123456789abcdef"


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "gatehost.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_the_documented_file_loads(tmp_path: Path):
    found = load(tmp_path, PRODUCT)
    agent = found.agent()
    assert agent.tools == ("git.*", "files.read_*")
    assert (agent.budget.turns, agent.budget.seconds) == (40, 600)
    assert (agent.provenance, agent.word_grants) == ("sinks", False)
    assert (agent.checks.repeated_calls, agent.checks.citations) == (5, "required")
    (pattern,) = agent.checks.patterns
    assert (pattern.pattern, pattern.action, pattern.where) == ("BEGIN PRIVATE", "wait", "output")
    assert found.policy is not None and found.policy.folder == "policies"
    assert {name: person.roles for name, person in found.people.items()} == {"alice": ("finance",)}
    assert (found.identity.user, found.limits.sandboxes) == ("alice", 4)
    assert (found.redaction.rules, found.redaction.phone_region, found.redaction.label) == (
        "gitleaks.toml",
        "DE",
        "found",
    )
    assert (found.approvals.unattended, found.approvals.expires) == ("wait", 12 * 3600)
    assert found.warnings == ()
    model = resolve_model(None, found, {"SMALL_KEY": SECRET})
    assert (model.name, model.adapter, model.model, model.location) == ("small", "openai_chat", "qwen3-8b", "local")
    assert (model.key, model.window, model.timeout) == (SECRET, 32768, 90)
    assert model.price == {"input": 0.0, "output": 0.5}
    assert SECRET not in repr(model)


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
def test_no_file_and_an_empty_one_are_sane(tmp_path: Path, text: str | None):
    found = load_settings(None) if text is None else load(tmp_path, text)
    assert found.agent().tools == ("*",)
    assert (found.approvals.unattended, found.approvals.expires) == ("deny", 86400)
    assert (found.agent().provenance, found.agent().word_grants) == ("strict", True)
    assert set(found.agent().checks.local_only) == {"restricted", "secret", "pii"}
    assert (found.policy, found.people, found.identity.user, found.limits.sandboxes) == (None, {}, None, None)


def test_other_agents_leave_the_default_one_there(tmp_path: Path):
    found = load(tmp_path, "[agents.careful]\ntools = []\n")
    assert found.agent("careful").tools == ()
    assert found.agent("default").tools == ("*",)
    with pytest.raises(ConfigError, match="Did you mean `careful`"):
        found.agent("carefull")


FAULTS = {
    "table": ("[model.x]\n", 1, "model", "Did you mean `models`?"),
    "key": (SMALL + 'adaptr = "x"\n', 10, "models.small.adaptr", "Did you mean `adapter`?"),
    "budget key": ("[agents.a]\nbudget = { turn = 3 }\n", 2, "agents.a.budget.turn", "Did you mean `turns`?"),
    "budget zero": ("[agents.a]\nbudget = { turns = 0 }\n", 2, "agents.a.budget.turns", "greater than 0"),
    "no adapter": ('[models.x]\nmodel = "m"\n', 1, "models.x.adapter", "missing"),
    "location": (SMALL.replace('"local"', '"here"'), 6, "models.small.location", "'local' or 'cloud'"),
    "negative price": (SMALL.replace("0.5", "-1"), 8, "models.small.price.output", "greater"),
    "literal key": (SMALL.replace("env:SMALL_KEY", SECRET), 5, "models.small.key", "no reference"),
    "keyring": (SMALL.replace("env:", "keyring:"), 5, "models.small.key", "not available in this version"),
    "base_url": (SMALL.replace("http:", "ftp:"), 4, "models.small.base_url", "http or https"),
    "userinfo": (SMALL.replace("127.0.0.1", "me:pw@127.0.0.1"), 4, "models.small.base_url", "user and password"),
    "unknown model": (SMALL + '[agents.a]\nmodels = ["smal"]\n', 11, "agents.a.models[0]", "Did you mean `small`?"),
    "unattended": ('[approvals]\nunattended = "ask"\n', 2, "approvals.unattended", "'deny' or 'wait'"),
    "expires": ('[approvals]\nexpires = "later"\n', 2, "approvals.expires", "60s"),
    "provenance": ('[agents.a]\nprovenance = "lax"\n', 2, "agents.a.provenance", "'strict', 'sinks' or 'off'"),
    "check": ("[agents.a.checks]\nrepeated_call = 1\n", 2, "agents.a.checks.repeated_call", "`repeated_calls`"),
    "pattern": ('[agents.a]\nchecks = { forbidden = ["("] }\n', 2, "agents.a.checks.forbidden[0]", "pattern"),
    "policy": ("[policy]\n", 1, "policy.folder", "missing"),
    "limits": ("[limits]\nsandboxes = 0\n", 2, "limits.sandboxes", "greater than 0"),
    "person": ('[people.alice]\nrole = ["finance"]\n', 2, "people.alice.role", "`roles`"),
    "identity": ('[identity]\nname = "alice"\n', 2, "identity.name", "`user`"),
    "redaction": ("[redaction]\noff = true\n", 2, "redaction.off", "redaction"),
    "model name": ('[models."a b"]\nadapter = "x"\nmodel = "m"\n', 1, 'models."a b"', "A-Z"),
}
LATER = {
    "routes": ("[routes]\n", 1, "routes"),
    "packs": ("[packs]\n", 1, "packs"),
    "record": ("[record]\n", 1, "record"),
    "telemetry": ("[telemetry]\ncontent = true\n", 1, "telemetry"),
    "context": ('[context]\nsummarizer = "small"\n', 1, "context"),
    "usd": ("[agents.a]\nbudget = { usd = 1.0 }\n", 2, "agents.a.budget.usd"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_file_line_key_and_next_step(tmp_path: Path, name: str):
    text, line, key, said = FAULTS[name]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.where == f"{tmp_path / 'gatehost.toml'}:{line}: {key}"
    assert said in str(caught.value)
    assert caught.value.next_step
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", LATER)
def test_what_this_version_lacks_is_said(tmp_path: Path, name: str):
    text, line, key = LATER[name]
    with pytest.raises(ConfigError, match="not available in this version") as caught:
        load(tmp_path, text)
    assert caught.value.where == f"{tmp_path / 'gatehost.toml'}:{line}: {key}"


def test_a_key_that_would_travel_unencrypted_is_said(tmp_path: Path):
    (warning,) = load(tmp_path, SMALL.replace("127.0.0.1", "10.0.0.7")).warnings
    assert "unencrypted" in warning


def test_an_unknown_adapter_is_named_with_file_and_line(tmp_path: Path):
    found = load(tmp_path, SMALL.replace('"openai_chat"', '"openai_cat"'))
    with pytest.raises(ConfigError, match=r"gatehost\.toml:2: models\.small\.adapter: .*openai_chat"):
        resolve_model("small", found, {"SMALL_KEY": SECRET})


def test_provider_and_id_use_the_environment():
    model = resolve_model("openai_chat:gpt-x", Settings(), {"OPENAI_API_KEY": SECRET})
    assert (model.adapter, model.model, model.base_url, model.key) == ("openai_chat", "gpt-x", OPENAI_BASE_URL, SECRET)
    local = resolve_model("openai_chat:org/m:8b", Settings(), {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (local.model, local.base_url, local.key) == ("org/m:8b", "http://127.0.0.1:1/v1", None)


def test_a_script_is_found_from_the_folder_of_the_run(tmp_path: Path):
    (tmp_path / "s.toml").write_text("")
    model = resolve_model("scripted:s.toml", Settings(), {}, folder=tmp_path)
    assert (model.adapter, model.model, model.location) == ("scripted", str(tmp_path / "s.toml"), "local")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openai:gpt-x", "not available in this version; use openai_chat:gpt-x"),
        ("anthropic:x", "not available in this version"),
        ("gemini:x", "not available in this version"),
        ("ollama:x", "not available in this version"),
        ("recorded:x", "not available in this version"),
        ("openai_caht:x", "`openai_chat`"),
        ("scripted:nope.toml", "no script"),
        ("scripted:a\0b", "no script"),
        ("openai_chat:", "names no model"),
        ("openai_chat:x", "OPENAI_API_KEY"),
        ("small", "openai_chat:ID"),
        ("", "openai_chat:ID"),
    ],
)
def test_a_model_that_cannot_be_had_says_what_can(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigError) as caught:
        resolve_model(text, Settings(), {}, folder=tmp_path)
    assert said in str(caught.value)
    assert caught.value.next_step


def test_the_first_model_whose_key_can_be_had_is_used(tmp_path: Path):
    two = SMALL + SMALL.replace("small", "big").replace("SMALL_KEY", "BIG_KEY")
    found = load(tmp_path, two + '[agents.default]\nmodels = ["big", "small"]\n')
    assert resolve_model(None, found, {"SMALL_KEY": SECRET}).name == "small"
    assert resolve_model(None, found, {"SMALL_KEY": SECRET, "BIG_KEY": SECRET}).name == "big"
    with pytest.raises(ConfigError, match="BIG_KEY"):
        resolve_model(None, found, {})


def test_without_a_name_the_only_model_is_used_then_the_environment(tmp_path: Path):
    assert resolve_model(None, load(tmp_path, SMALL), {"SMALL_KEY": SECRET}).name == "small"
    environ = {"OPENAI_API_KEY": SECRET, "OPENAI_MODEL": "gpt-x"}
    assert resolve_model(None, Settings(), environ).model == "gpt-x"


@pytest.mark.parametrize(
    ("environ", "step"), [({}, "OPENAI_API_KEY"), ({"OPENAI_API_KEY": SECRET}, "--model openai_chat:ID")]
)
def test_when_nothing_names_a_model_the_next_step_fits_the_machine(environ: dict[str, str], step: str):
    with pytest.raises(ConfigError) as caught:
        resolve_model(None, Settings(), environ)
    assert step in (caught.value.next_step or "")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text", [SECRET, "", "env:", "env:A B", "env:A=B", "file:", "file: ", "vault:x", "ENV:A", "env"]
)
def test_what_is_no_reference_is_refused_without_being_repeated(text: str):
    with pytest.raises(ConfigError) as caught:
        parse_reference(text, where="x")
    if len(text) > 6:
        assert text not in str(caught.value)


def test_a_private_file_is_read_without_its_line_end(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    assert fetch(parse_reference("file:key", where="x"), environ={}, folder=tmp_path, where="x") == SECRET
    ref = SecretRef("file", "~/key")
    assert fetch(ref, environ={"HOME": str(tmp_path)}, folder=Path("/"), where="x") == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o755])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int):
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        fetch(SecretRef("file", "key"), environ={}, folder=tmp_path, where="x")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\rb", b"a\0b", b"\xff\xfe"])
def test_a_secret_is_one_line_of_text(tmp_path: Path, content: bytes):
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        fetch(SecretRef("file", "key"), environ={}, folder=tmp_path, where="x")
    assert caught.value.__cause__ is None


def test_a_missing_secret_says_what_to_set(tmp_path: Path):
    for ref in (SecretRef("env", "NOPE"), SecretRef("file", "nope")):
        with pytest.raises(ConfigError, match=r"nope|NOPE"):
            fetch(ref, environ={"NOPE": ""}, folder=tmp_path, where="x")


KEYS = ["models", "agents", "approvals", "a", "adapter", "model", "key", "base_url", "tools", "budget", "usd", "turns"]
VALUES = ["1", "-1", "nan", "true", '"x"', '"env:A"', '"http://[x"', "[]", '["a"]', "{}", "{ usd = 1 }", '"24h"', "1e9"]
key_text = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4).map(".".join)
lines = st.one_of(
    st.tuples(key_text, st.sampled_from(VALUES)).map(" = ".join), key_text.map("[{}]".format), st.text(max_size=12)
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=200), st.lists(lines, max_size=10).map("\n".join)))
def test_any_text_loads_or_is_a_config_error(tmp_path: Path, text: str):
    path = tmp_path / "gatehost.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = load_settings(path)
        resolve_model(None, found, {"OPENAI_API_KEY": "k", "A": "k"})
    except ConfigError as error:
        assert escape_line(str(error)) == str(error)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_any_model_text_resolves_or_is_a_config_error(text: str):
    try:
        resolve_model(text, Settings(), {"OPENAI_API_KEY": "k"})
    except ConfigError as error:
        assert escape_line(str(error)) == str(error)


def test_a_script_that_is_not_named_is_told_so(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"`scripted:` names no file.*scripted:FILE"):
        resolve_model("scripted:", Settings(), {}, folder=tmp_path)


def test_a_version_may_be_written_and_must_be_known(tmp_path: Path):
    path = tmp_path / "gatehost.toml"
    path.write_text("version = 1\n")
    assert load_settings(path).warnings == ()
    path.write_text("version = 2\n")
    with pytest.raises(ConfigError, match=r"gatehost\.toml:1: version: `version` must be 1"):
        load_settings(path)
