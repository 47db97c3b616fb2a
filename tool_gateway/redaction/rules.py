"""The secrets that are known by their looks: one rule each, on RE2.

Decides: the shipped rules, what a rule is, and how one is compiled. Does not decide what is put in a secret's place
(`redactor`), nor the rules that an operator adds (`user_rules`).

Every shipped pattern costs time linear in the text also over all its matches: repetitions are of one class and end
by themselves, and no alternative has to look to the end of the text before a shorter one may match.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import re2

from context.visible_text import escape_line
from tool_gateway.redaction.guards import entropy, is_password, is_random, is_token, is_url_password

Guard = Callable[[str], bool]
Excuse = Callable[[str, str, str], bool]
"""Of the secret, the whole match, and the line around it (at most `AROUND` bytes to each side)."""

AROUND = 1_000

MEMORY = 16 * 1024 * 1024
"""Bytes that one compiled pattern may take, its caches included."""

LARGEST_PROGRAM = 20_000
"""Instructions of the largest program: what widely used rule files need, and little more."""

LONGEST = 8192
"""Characters of the longest pattern."""


class Match(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class Expression(Protocol):
    """A compiled pattern, over UTF-8 bytes."""

    groups: int

    def finditer(self, text: bytes) -> Iterator[Match]: ...

    def search(self, text: bytes) -> Match | None: ...


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret.

    Attributes:
        name: The kind, as placeholders, exceptions and the record name it: `github-token`.
        pattern: RE2. The first capturing group that took part is the secret; without groups the whole match is.
        keywords: Lower-case texts; the pattern is only tried where one of them occurs. None: always.
        guard: Further condition on the secret itself.
        excuse: What makes a match none.
        group: Which group is the secret, when not the first that took part.
        most: Matches in one text after which the rest of it is taken as secret; None: no bound is needed.
    """

    name: str
    pattern: str
    keywords: tuple[str, ...] = ()
    guard: Guard | None = None
    group: int | None = None
    most: int | None = None
    excuse: Excuse | None = None

    @property
    def compiled(self) -> Expression:
        """Compiled once in this process, on first use."""
        return compiled(self.pattern)

    def applies(self, lowered: bytes) -> bool:
        """Whether a text, lower-cased, holds one of the keywords."""
        return not self.keywords or any(word in lowered for word in _as_bytes(self.keywords))

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Start and end, in bytes, of every secret of this kind in UTF-8 `data`."""
        expression = self.compiled
        for number, match in enumerate(expression.finditer(data), 1):
            start, end = self._secret(match, expression.groups)
            if self._counts(data, match.span(), start, end):
                yield start, end
            if number == self.most:
                yield end, len(data)
                return

    def _counts(self, data: bytes, whole: tuple[int, int], start: int, end: int) -> bool:
        if self.guard is None and self.excuse is None:
            return True
        secret = data[start:end].decode(errors="replace")
        if self.guard is not None and not self.guard(secret):
            return False
        if self.excuse is None:
            return True
        before = data[max(whole[0] - AROUND, 0) : whole[0]].rpartition(b"\n")[2]
        after = data[whole[1] : whole[1] + AROUND].partition(b"\n")[0]
        match = data[slice(*whole)]
        return not self.excuse(
            secret, match.decode(errors="replace"), (before + match + after).decode(errors="replace")
        )

    def _secret(self, match: Match, groups: int) -> tuple[int, int]:
        if self.group is not None:
            span = match.span(self.group)
            return span if span != (-1, -1) else match.span()
        for number in range(1, groups + 1):
            span = match.span(number)
            if span != (-1, -1):
                return span
        return match.span()


@functools.lru_cache(maxsize=1024)
def _as_bytes(words: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in words)


@functools.lru_cache(maxsize=2048)
def compiled(pattern: str) -> Expression:
    """`pattern` as RE2 over UTF-8 bytes.

    Raises:
        ValueError: RE2 does not take it (look-around, back-references), or it is too large. Says which.
    """
    shown = escape_line(pattern, 80)
    if len(pattern) > LONGEST:
        raise ValueError(f"the pattern is {len(pattern):,} characters long; the limit is {LONGEST:,}")
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    try:
        expression = re2._Regexp(pattern.encode(), options)  # pyright: ignore[reportPrivateUsage]
    except UnicodeEncodeError as exc:
        raise ValueError("the pattern holds an unpaired surrogate") from exc
    except Exception as exc:  # re2.error, a class made in C++
        detail: object = exc.args[0] if exc.args else "not accepted"
        said = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        raise ValueError(f"the pattern {shown} is no linear-time expression (RE2: {escape_line(said, 120)})") from exc
    size = cast("int", expression.programsize)
    if size > LARGEST_PROGRAM:
        raise ValueError(f"the pattern {shown} is too large: {size:,} instructions, the limit is {LARGEST_PROGRAM:,}")
    return cast("Expression", expression)


def _is_quoted_password(value: str) -> bool:
    return is_password(value, quoted=True)


def _is_bare_password(value: str) -> bool:
    return is_password(value, quoted=False)


def _at_least(bits: float) -> Guard:
    def guard(value: str) -> bool:
        return entropy(value) >= bits

    return guard


_NAMED = r"""["'\x60]?[ \t]{0,8}(?:=>|:=|==?|:)[ \t]{0,8}"""
"""Between a name and what is assigned to it."""

_PASSWORD = r"(?i:passw(?:or)?d|passphrase|passcode|(?:^|[^a-z])pwd)"
_TOKEN = (
    r"(?i:api[_-]?key|access[_-]?key|auth[_-]?key|secret[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key"
    r"|secret|token|credentials?|bearer)"
)

SHIPPED: tuple[SecretRule, ...] = (
    # Cloud providers.
    SecretRule("aws-access-key-id", r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b", ("akia", "asia", "abia", "acca")),
    SecretRule(
        "aws-secret-key",
        r"(?i:aws_?(?:secret)?_?(?:access)?_?key|secret_?access_?key)" + _NAMED + r"""["']?([A-Za-z0-9/+]{40})\b""",
        ("aws", "accesskey", "access_key"),
        _at_least(4.0),
    ),
    SecretRule("google-api-key", r"\b(AIza[0-9A-Za-z_-]{35})", ("aiza",)),
    SecretRule("google-oauth", r"\b(GOCSPX-[0-9A-Za-z_-]{28}|ya29\.[0-9A-Za-z_-]{20,})", ("gocspx-", "ya29.")),
    SecretRule(
        "azure-storage-key",
        r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{43,}={0,2})",
        ("accesskey=", "accountkey="),
    ),
    SecretRule("azure-client-secret", r"([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,})", ("q~",)),
    SecretRule("azure-sas", r"[?&]sig=([A-Za-z0-9%+/=_-]{40,})", ("sig=",)),
    SecretRule("digitalocean-token", r"\b(do[opr]_v1_[a-f0-9]{64})\b", ("_v1_",)),
    SecretRule("databricks-token", r"\b(dapi[a-f0-9]{32})", ("dapi",)),
    SecretRule("vault-token", r"\b(hv[sbr]\.[A-Za-z0-9_-]{24,})", ("hvs.", "hvb.", "hvr.")),
    SecretRule("terraform-token", r"\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,})", ("atlasv1",)),
    # Model providers. Of OpenAI's keys the newer ones hold hyphens, as ordinary names do: hence the guard.
    SecretRule("anthropic-key", r"(sk-ant-[A-Za-z0-9_-]{20,})", ("sk-ant-",)),
    SecretRule("openai-key", r"\b(sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,})", ("sk-",), is_random),
    SecretRule("groq-key", r"\b(gsk_[A-Za-z0-9]{40,})", ("gsk_",)),
    SecretRule("huggingface-token", r"\b((?:hf|api_org)_[A-Za-z0-9]{34,})", ("hf_", "api_org_")),
    # Code hosts and package registries.
    SecretRule(
        "github-token",
        r"(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    SecretRule(
        "gitlab-token",
        r"(gl(?:pat|dt|rt|soat|cbt|ptt|ft|imt|agent|oas|ffct)-[A-Za-z0-9_.-]{20,})",
        ("glpat-", "gldt-", "glrt-", "glsoat-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glffct-"),
    ),
    SecretRule("npm-token", r"(npm_[A-Za-z0-9]{36})", ("npm_",)),
    SecretRule("pypi-token", r"(pypi-AgE[A-Za-z0-9_-]{50,})", ("pypi-age",)),
    SecretRule("docker-token", r"\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,})", ("dckr_",)),
    SecretRule("atlassian-token", r"\b(ATATT3[A-Za-z0-9_=-]{50,})", ("atatt3",)),
    # Chat, mail, payment and work tools.
    SecretRule("slack-token", r"\b(x(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,})", ("xox", "xapp-"), is_random),
    SecretRule(
        "slack-webhook", r"hooks\.slack\.com/((?:services|workflows|triggers)/[A-Za-z0-9+/_-]{30,})", ("hooks.slack",)
    ),
    SecretRule(
        "discord-webhook", r"discord(?:app)?\.com/api/webhooks/([0-9]+/[A-Za-z0-9_-]{50,})", ("/api/webhooks/",)
    ),
    SecretRule("telegram-token", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})", (":aa",)),
    SecretRule(
        "stripe-key",
        r"\b((?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,})",
        ("_live_", "_test_", "_prod_", "whsec_"),
    ),
    SecretRule("shopify-token", r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})", ("shpat_", "shpca_", "shppa_", "shpss_")),
    SecretRule("sendgrid-key", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})", ("sg.",)),
    SecretRule("twilio-key", r"\b(SK[0-9a-f]{32})\b", ("sk",)),
    SecretRule("notion-token", r"\b(ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})", ("ntn_", "secret_")),
    SecretRule("linear-key", r"\b(lin_api_[A-Za-z0-9]{40})", ("lin_api_",)),
    SecretRule("newrelic-key", r"\b(NRAK-[A-Z0-9]{27})", ("nrak-",)),
    # Keys and tokens of no provider's own. A block without its end is one too: results are cut.
    SecretRule(
        "private-key",
        r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?s:.*?)-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)",
        ("private key",),
    ),
    SecretRule(
        "private-key",
        r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{24,})+)",
        ("private key",),
    ),
    SecretRule("age-key", r"\b(AGE-SECRET-KEY-1[A-Z0-9]{58})", ("age-secret-key",)),
    SecretRule("jwt", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)", ("eyj",)),
    SecretRule(
        "authorization-header",
        r"(?i:authorization|proxy-authorization|x-api-key)"
        + _NAMED
        + r"""["']?(?i:(?:basic|bearer|token|apikey)[ \t]+)?([A-Za-z0-9+/=_.~:-]{12,})""",
        ("authorization", "x-api-key"),
        is_random,
    ),
    SecretRule("url-password", r"://[^\s:/?#@\"'<>]*:([^\s/?#\"'<>]+)@", ("://",), is_url_password),
    # What is assigned to a name that says so. Last, so that a more telling name wins.
    SecretRule(
        "password",
        _PASSWORD + r"[0-9]{0,2}" + _NAMED + r"""(?:"([^"\n]{4,})"|'([^'\n]{4,})'|\x60([^\x60\n]{4,})\x60)""",
        ("passw", "passphrase", "passcode", "pwd"),
        _is_quoted_password,
    ),
    SecretRule(
        "password",
        _PASSWORD + r"[0-9]{0,2}" + _NAMED + r"""([^\s"'\x60,;&<>()\[\]{}][^\s"'\x60,;&<>()]{3,})""",
        ("passw", "passphrase", "passcode", "pwd"),
        _is_bare_password,
    ),
    SecretRule(
        "token",
        _TOKEN + r"[0-9]{0,2}" + _NAMED + r"""["'\x60]?([^\s"'\x60,;&<>()\[\]{}]{12,})""",
        ("key", "secret", "token", "credential", "bearer"),
        is_token,
    ),
)
"""The shipped rules, the more telling kind first: where two match the same text, the first names it."""
