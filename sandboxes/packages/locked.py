"""What is locked of a server's package: enough to fetch exactly the same bytes again, and no host name.

Decides: the shape of `Locked`, its JSON form, and that a lock read from disk can carry nothing but names,
versions and digests. Does not decide how any kind is resolved or unpacked.

A lock is a project file, so it is read as hostile: a requirement line is a line of a file that uv reads,
where `--index-url` or `name @ url` would be an instruction.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue, digest

PackageKind = Literal["pypi", "npm", "oci"]

NPM_NAME = re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*")
PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

_MOST_ENTRIES = 5000
_REQUIREMENT = re.compile(
    rf"(?P<name>{PYPI_NAME.pattern})(?:\[[A-Za-z0-9._,-]+\])?==(?P<version>[A-Za-z0-9.!+_-]+)"
    r"(?: ; (?:(?!--)[A-Za-z0-9_.'\"()<>=!~, +*-])+?)?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)
_PLACE = rf"node_modules/{NPM_NAME.pattern}"
_TREE_KEY = re.compile(rf"{_PLACE}(?:/{_PLACE})*")
# A dependency on a URL, a git repository or a folder is fetched around the registry and its digests.
_NPM_RANGE = re.compile(rf"(?:npm:{NPM_NAME.pattern}(?:@|$))?[^:/]*")
_VERSION = re.compile(r"[A-Za-z0-9.+!_-]{1,128}")
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}")
# npm rebuilds its tree from these; all others (funding, license, resolved …) are dropped.
_DEPENDENCY_FIELDS = ("dependencies", "optionalDependencies", "peerDependencies")
TREE_FIELDS = frozenset(
    {
        *_DEPENDENCY_FIELDS,
        *("name", "version", "integrity", "peerDependenciesMeta", "bundleDependencies", "inBundle"),
        *("engines", "os", "cpu", "libc", "optional", "devOptional", "dev", "peer"),
    }
)


@dataclass(frozen=True, slots=True)
class Locked:
    """A package with everything it brings, by digest. Fully determines the unpacked content.

    Attributes:
        name: As the registry writes it (`mcp-server-git`, `@scope/name`, image name).
        version: Exact; for an image its digest.
        extras: Of a PyPI package, as written.
        requirements: pypi: one line each, `name==version [; marker] --hash=sha256:…`.
        tree: npm: the `packages` part of a lock file, each with its integrity.
    """

    kind: PackageKind
    name: str
    version: str
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    tree: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])

    def as_json(self) -> JsonObject:
        found: JsonObject = {"kind": self.kind, "name": self.name, "version": self.version}
        if self.extras:
            found["extras"] = list(self.extras)
        if self.requirements:
            found["requirements"] = list(self.requirements)
        if self.tree:
            found["tree"] = {key: dict(value) for key, value in self.tree.items()}
        return found

    @property
    def digest(self) -> str:
        """`sha256:…` over the whole lock entry."""
        return digest(self.as_json())

    def digests(self) -> dict[str, str]:
        """Package → its locked hashes; several where a version has wheels for several platforms."""
        if self.kind == "oci":
            return {self.name: self.version}
        found = {key: str(entry.get("integrity", "")) for key, entry in self.tree.items()}
        for line in self.requirements:
            words = line.split()
            found[words[0]] = " ".join(word.removeprefix("--hash=") for word in words if word.startswith("--hash="))
        return found


def read_locked(value: JsonValue, *, where: str) -> Locked:
    """A lock entry from its JSON form, every text checked.

    Args:
        where: The file and key, for the error.

    Raises:
        ConfigError: it is not a lock entry, or carries something that is no name, version or digest.
    """
    try:
        return _read(value)
    except (KeyError, TypeError, ValueError) as error:
        detail = str(error) if type(error) is ValueError else "a part is missing or of the wrong type"
        raise ConfigError(
            f"the locked package is malformed: {detail}",
            where=where,
            next_step="Accept the server again with `gatehost mcp accept`",
        ) from error


def _read(value: JsonValue) -> Locked:
    if not isinstance(value, dict):
        raise ValueError("it is no table")
    unknown = sorted(set(value) - {"kind", "name", "version", "extras", "requirements", "tree"})
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    kind = value["kind"]
    if kind not in ("pypi", "npm", "oci"):
        raise ValueError(f"unknown kind {kind!r}")
    tree = value.get("tree", {})
    if not isinstance(tree, dict):
        raise ValueError("`tree` is no table")
    locked = Locked(
        kind=kind,
        name=_text(value["name"]),
        version=_text(value["version"]),
        extras=_texts(value.get("extras", [])),
        requirements=_texts(value.get("requirements", [])),
        tree={key: _table(entry) for key, entry in tree.items()},
    )
    check_locked(locked)
    return locked


def check_locked(locked: Locked) -> None:
    """Raises: ValueError naming the first part that is no name, version or digest."""
    if len(locked.requirements) + len(locked.tree) > _MOST_ENTRIES:
        raise ValueError(f"more than {_MOST_ENTRIES} packages")
    if locked.kind == "oci":
        if not _IMAGE.fullmatch(f"{locked.name}@{locked.version}") or locked.requirements or locked.tree:
            raise ValueError("an image is a name with a digest")
        return
    if not _VERSION.fullmatch(locked.version):
        raise ValueError(f"{locked.version!r} is no version")
    if locked.kind == "pypi":
        if not locked.requirements or locked.tree:
            raise ValueError("a PyPI package has requirement lines")
        names = {normal_name(_checked_requirement(line)) for line in locked.requirements}
        if normal_name(locked.name) not in names:
            raise ValueError(f"no requirement line is for {locked.name!r}")
        return
    if not locked.tree or locked.requirements:
        raise ValueError("an npm package has a tree")
    for key, entry in locked.tree.items():
        _check_tree_entry(key, entry, locked.tree)
    own = locked.tree.get(f"node_modules/{locked.name}")
    if own is None or own.get("version") != locked.version:
        raise ValueError(f"the tree does not hold {locked.name}=={locked.version}")


def normal_name(name: str) -> str:
    """A PyPI name as compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _checked_requirement(line: str) -> str:
    match = _REQUIREMENT.fullmatch(line)
    if match is None:
        raise ValueError(f"{line[:80]!r} is no pinned requirement with sha256 hashes")
    return match["name"]


def _check_tree_entry(key: str, entry: JsonObject, tree: Mapping[str, JsonObject]) -> None:
    if not _TREE_KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is no place in a node_modules tree")
    unknown = sorted(set(entry) - TREE_FIELDS)
    if unknown:
        raise ValueError(f"{key}: unknown key {unknown[0]!r}")
    if not isinstance(version := entry.get("version"), str) or not _VERSION.fullmatch(version):
        raise ValueError(f"{key}: no exact version")
    if not isinstance(name := entry.get("name", "x"), str) or not NPM_NAME.fullmatch(name):
        raise ValueError(f"{key}: no package name")
    if entry.get("inBundle") is True:
        # It comes inside its parent's tarball, whose integrity covers it.
        if not any(key.startswith(f"{parent}/") and other.get("bundleDependencies") for parent, other in tree.items()):
            raise ValueError(f"{key}: bundled by nobody")
    else:
        integrity = entry.get("integrity")
        if not isinstance(integrity, str) or not _INTEGRITY.fullmatch(integrity):
            raise ValueError(f"{key}: no sha512 integrity")
    for part in _DEPENDENCY_FIELDS:
        for name, wanted in _table(entry.get(part, {})).items():
            if not isinstance(wanted, str) or not _NPM_RANGE.fullmatch(wanted):
                raise ValueError(f"{key}: it depends on {name} from outside of the registry")


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not value or len(value) > 4096:
        raise ValueError("a text is missing")
    return value


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return tuple(_requirement_text(item) for item in value)


def _requirement_text(value: JsonValue) -> str:
    # A package with wheels for many platforms has a hash for each: far longer than other texts.
    if not isinstance(value, str) or len(value) > 64 * 1024:
        raise ValueError("a list holds something that is no text")
    return value


def _table(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError("a table is missing")
    return cast("JsonObject", value)
