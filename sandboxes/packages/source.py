"""The `package` key as written: which registry kind, which name, which exact version.

Decides: the grammar of a source, and that it is pinned. Does not decide whether such a package exists.
"""

import re
from dataclasses import dataclass

from context.errors import ConfigError
from context.visible_text import escape_line
from sandboxes.packages.locked import NPM_NAME, PYPI_NAME, PackageKind

EXAMPLES = {
    "pypi": "pypi:mcp-server-git==2026.10.19",
    "npm": "npm:@modelcontextprotocol/server-filesystem==2026.8.31",
    "oci": "oci:IMAGE@sha256:<64 hex digits>",
}
_PYPI = re.compile(
    rf"(?P<name>{PYPI_NAME.pattern})(?:\[(?P<extras>[A-Za-z0-9._-]+(?:,[A-Za-z0-9._-]+)*)\])?"
    r"==(?P<version>[0-9][A-Za-z0-9.!+_-]*)"
)
# An exact version: `1.x`, `^1`, `latest` are ranges or names that move.
_NPM = re.compile(rf"(?P<name>{NPM_NAME.pattern})==(?P<version>\d+\.\d+\.\d+(?:[-+][A-Za-z0-9.+-]+)?)")
_OCI = re.compile(
    r"(?P<name>[a-z0-9][A-Za-z0-9.:_-]*(?:/[A-Za-z0-9._-]+)*)@(?P<version>sha256:[0-9a-f]{64})",
)
_GRAMMARS = {"pypi": _PYPI, "npm": _NPM, "oci": _OCI}


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source. `version` is exact; for an image it is the digest."""

    kind: PackageKind
    name: str
    version: str
    extras: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "oci":
            return f"oci:{self.name}@{self.version}"
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.kind}:{self.name}{extras}=={self.version}"


def parse_source(text: str) -> Source:
    """`pypi:NAME[EXTRA]==VERSION`, `npm:NAME==VERSION` or `oci:IMAGE@sha256:DIGEST`.

    Raises:
        ConfigError: it is none of these, or leaves the version open; with an example.
    """
    kind, colon, rest = text.partition(":")
    if kind not in ("pypi", "npm", "oci") or not colon:
        raise ConfigError(
            f"{escape_line(text, 120)!r} is no package source",
            next_step=f"Write for example {' or '.join(EXAMPLES.values())}",
        )
    match = _GRAMMARS[kind].fullmatch(rest)
    if match is None:
        wanted = "an image with its digest" if kind == "oci" else "a name with one exact version (`==`)"
        raise ConfigError(
            f"{escape_line(text, 120)!r} is not {wanted}",
            next_step=f"Write for example {EXAMPLES[kind]}",
        )
    groups = match.groupdict()
    extras = tuple(groups["extras"].split(",")) if groups.get("extras") else ()
    return Source(kind, groups["name"], groups["version"], extras)
