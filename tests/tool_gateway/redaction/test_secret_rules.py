import pytest

from tests.tool_gateway.redaction.texts import SECRETS
from tool_gateway.redaction.redactor import Redactor
from tool_gateway.redaction.rules import SHIPPED, compiled

KEY = b"k" * 32


@pytest.mark.promise("secrets_in_results_are_hidden")
@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_of_secret_is_hidden_and_the_text_around_it_stays(kind: str) -> None:
    frame, secret = SECRETS[kind]
    done = Redactor(KEY).redact(frame.format(secret), server="a")
    (finding,) = done.findings
    assert finding.kind == kind
    (placeholder,) = finding.placeholders
    assert done.text == frame.format(placeholder)


def test_every_shipped_kind_has_an_example() -> None:
    assert {rule.name for rule in SHIPPED} == set(SECRETS)


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox wrote a token of gratitude and kept the secret.",
        "commit 8f3e23390a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "password = os.environ['DB_PASSWORD']",
        "password: ${DB_PASSWORD}",
        'secrets = { GITHUB_TOKEN = "keyring:github" }',
        "password = getpass()",
        "token = self.tokens.current_token",
        "password: ********",
        'password = "password"',
        '{"password": {"type": "string", "minLength": 12}}',
        "token_count: 17, max_tokens = 4096",
        "Set `api_key` in the settings; the key is required.",
        "sk-learn-contrib-extras-and-more",
        "https://example.com:8080/path?x=1",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "write to jane.doe@example.com",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert Redactor(KEY).redact(text, server="a").text == text


PEM = "-----BEGIN " + "PRIVATE KEY-----"
BODY = "MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAw"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('{"user": "x", "password": "correct horse battery"}', "correct horse battery"),
        ("PASSWORD=Tr0ub4dor&3 ./run", "Tr0ub4dor"),
        ("pwd: 'a b!c'", "a b!c"),
        ("export API_KEY=z9Y8x7W6v5U4t3S2", "z9Y8x7W6v5U4t3S2"),
        ("redis://:p4ss@cache:6379/0", "p4ss"),
        ("authorization: Bearer z9Y8x7W6v5U4t3S2", "z9Y8x7W6v5U4t3S2"),
        (f"{PEM}\n{BODY}\nabc", BODY),
        (f'"{PEM}\\n{BODY}\\n{PEM.replace("BEGIN", "END")}\\n"', BODY),
    ],
)
def test_secrets_are_found_however_they_are_assigned(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in Redactor(KEY).redact(text, server="a").text


def test_patterns_that_cannot_run_in_linear_time_do_not_compile() -> None:
    for pattern in (r"(?=x)y", r"(a)\1", "(", "x" * 9000, "\ud800", "(?:a{1000}){1000}"):
        with pytest.raises(ValueError, match="pattern"):
            compiled(pattern)
