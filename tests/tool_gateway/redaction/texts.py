"""Secrets and personal data made up for tests. Put together here, so that no scanner of this repository stumbles."""

A36 = "a1B2c3D4" * 4 + "e5F6"

SECRETS: dict[str, tuple[str, str]] = {
    "aws-access-key-id": ("id AKIA{0} end", "AKIA" + "IOSFODNN7EXAMPLE"[:16].replace("8", "2").replace("9", "3")),
    "aws-secret-key": ("aws_secret_access_key = {0}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "Qz8aB3dE5f"),
    "google-api-key": ("key {0}.", "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
    "google-oauth": ("{0}", "GOCSPX-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4"),
    "azure-storage-key": ("AccountName=x;AccountKey={0};Suffix=y", "q1W2" * 21 + "aB=="),
    "azure-client-secret": ("v {0}", "abC8Q~" + "a1B2c3D4" * 4),
    "azure-sas": ("https://x.blob/y?sv=1&sig={0}", "a1B2c3D4%2F" * 5),
    "digitalocean-token": ("{0}", "dop_v1_" + "0a1b2c3d" * 8),
    "databricks-token": ("{0}", "dapi" + "0a1b2c3d" * 4),
    "vault-token": ("{0}", "hvs." + A36),
    "terraform-token": ("{0}", "a1B2c3D4e5F6g7" + ".atlasv1." + A36 * 2),
    "anthropic-key": ("x {0} y", "sk-ant-" + "api03-" + A36),
    "openai-key": ("x {0} y", "sk-" + "proj-" + A36),
    "groq-key": ("{0}", "gsk_" + A36 + "wxyz"),
    "huggingface-token": ("{0}", "hf_" + A36),
    "github-token": ("use {0}, please", "ghp_" + A36),
    "gitlab-token": ("{0}", "glpat-" + A36[:20]),
    "npm-token": ("//registry/:_auth {0}", "npm_" + A36),
    "pypi-token": ("{0}", "pypi-" + "AgEIcHlwaS5vcmc" + A36 * 2),
    "docker-token": ("{0}", "dckr_pat_" + A36),
    "atlassian-token": ("{0}", "ATATT3" + A36 * 3),
    "slack-token": ("{0}", "xoxb-" + "123456789012-abcDEF123456"),
    "slack-webhook": ("https://hooks.slack.com/{0}", "services/" + "T00000000/B00000000/" + A36[:24]),
    "discord-webhook": ("https://discord.com/api/webhooks/{0}", "123456789/" + A36 * 2),
    "telegram-token": ("bot {0}", "123456789:AA" + A36[:33]),
    "stripe-key": ("{0}", "sk_" + "live_" + A36[:24]),
    "shopify-token": ("{0}", "shpat_" + "0a1b2c3d" * 4),
    "sendgrid-key": ("{0}", "SG." + A36[:22] + "." + (A36 * 2)[:43]),
    "twilio-key": ("{0}", "SK" + "0a1b2c3d" * 4),
    "notion-token": ("{0}", "ntn_" + A36 + "wxyz"),
    "linear-key": ("{0}", "lin_api_" + A36 + "wxyz"),
    "newrelic-key": ("{0}", "NRAK-" + "A1B2C3D4E5F6G7H8I9J0K1L2M3N"),
    "private-key": (
        "cert:\n{0}\nend",
        "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB" + A36 + "\n" + A36 + "\n-----END RSA PRIVATE KEY-----",
    ),
    "age-key": ("{0}", "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 5 + "2TVDW0S3"),
    "jwt": ("cookie {0};", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + A36),
    "authorization-header": ("Authorization: Basic {0}", "dXNlcjpoNG50ZXIyLXNlY3JldA=="),
    "url-password": ("postgres://app:{0}@db.internal/x", "s3cr3t-pw"),
    "password": ('db_password = "{0}"', "hunter2-again"),
    "token": ("api_key: {0}", "z9Y8x7W6v5U4t3S2"),
}
"""Kind → a text with a gap, and what fills it."""
SECRETS["aws-access-key-id"] = ("id {0} end", "AKIA" + "IOSFODNN7EXAMPLE")

PERSONAL: dict[str, str] = {
    "card-number": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "us-ssn": "536-90-4399",
    "ca-sin": "130-692-544",
    "gb-nhs": "943 476 5919",
    "br-cpf": "390.533.447-05",
    "fr-nir": "2 95 10 99 126 111 93",
    "es-dni": "54362315K",
    "es-nie": "X2482300W",
    "it-codice-fiscale": "RSSMRA85T10A562S",
    "ch-ahv": "756.9217.0769.85",
    "se-personnummer": "880320-0016",
    "fi-hetu": "131052-308T",
    "in-aadhaar": "2341 2341 2346",
    "de-tax-id": "36 574 261 809",
    "nl-bsn": "111222333",
    "pl-pesel": "44051401359",
    "phone": "+49 30 901820",
}
"""Kind → a valid one."""

NAMED = {"gb-nhs": "NHS number ", "de-tax-id": "Steuer-ID: ", "nl-bsn": "BSN ", "pl-pesel": "PESEL "}
"""What must stand before those that many numbers resemble."""
