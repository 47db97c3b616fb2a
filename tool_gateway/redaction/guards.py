"""Whether a text that stands where a secret would stand is one: entropy, references, words.

Decides: what is left alone although a pattern matched it (`password = os.environ["X"]`, `token: ********`,
`secret: required`). Does not decide where such a text begins and ends: rules do.

A guard that is too loose tears holes into ordinary text; one that is too strict lets a secret through. Quoted values
of names that end in *password* or *passphrase* are believed most readily, unquoted words least.
"""

import math
import re
from collections import Counter

_REFERENCE = re.compile(
    r"\$|%\(|\{\{|<|(?:env|keyring|file|vault|op|ref|arn|secretref):"
    r"|(?:os\.environ|os\.getenv|process\.env|getenv|ENV\[|secrets\.|var\.|local\.|data\.|module\.)",
    re.IGNORECASE,
)
_WORDS = frozenset(
    {"true", "false", "null", "none", "nil", "undefined", "required", "optional", "string", "str", "text", "password"}
    | {"passwd", "passphrase", "secret", "token", "hidden", "redacted", "masked", "unset", "empty", "disabled"}
    | {"enabled", "default", "example", "changeme", "placeholder", "unknown"}
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+")
_OUR_OWN = re.compile(r"[a-z0-9_.-]+:[0-9a-f]{8,16}")
"""The rest of a placeholder behind `secret:`, when a server writes one back."""

_SPACE = re.compile(r"\s")
_LONGEST = 512
_LONGEST_PHRASE = 80


def entropy(text: str) -> float:
    """Shannon entropy in bits per character, of the text's own distribution; 0 for an empty one."""
    size = len(text)
    if size == 0:
        return 0.0
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())


def is_password(value: str, *, quoted: bool) -> bool:
    """Whether `value`, assigned to a name that ends in password, is one. At least 6 characters, or 4 with a digit."""
    if not _stands_alone(value, shortest=4, longest=_LONGEST if not _SPACE.search(value) else _LONGEST_PHRASE):
        return False
    digits, letters, marks = _parts(value)
    if _SPACE.search(value):
        return quoted
    if quoted:
        return len(value) >= 6 or (digits and (letters or marks))
    return (digits and (letters or marks or len(value) >= 6)) or (marks and len(value) >= 6)


def is_token(value: str) -> bool:
    """Whether `value`, assigned to a name such as api_key or token, is one: long, without blanks, high entropy."""
    if not _stands_alone(value, shortest=12, longest=4096) or _SPACE.search(value) or _OUR_OWN.fullmatch(value):
        return False
    digits, letters, _ = _parts(value)
    return digits and letters and entropy(value) >= 3.0


def is_random(value: str) -> bool:
    """Whether a token with a weak prefix is one and no hyphenated name: a digit, a letter, high entropy."""
    digits, letters, _ = _parts(value)
    return digits and letters and entropy(value) >= 3.3


def is_url_password(value: str) -> bool:
    """Whether what stands between `:` and `@` in a URL is a password, not a reference to one."""
    return _stands_alone(value, shortest=1, longest=_LONGEST, words=False)


def _stands_alone(value: str, *, shortest: int, longest: int, words: bool = True) -> bool:
    if not shortest <= len(value) <= longest or len(set(value)) == 1 or value.startswith("[["):
        return False
    if _REFERENCE.match(value) or (words and value.lower() in _WORDS):
        return False
    return not _DOTTED.fullmatch(value)


def _parts(value: str) -> tuple[bool, bool, bool]:
    """Digits, letters, other marks: which of them occur."""
    return (
        any(char.isdigit() for char in value),
        any(char.isalpha() for char in value),
        any(not char.isalnum() and not char.isspace() and char not in "_-." for char in value),
    )
