"""Paths whose content other programs execute, and where the arguments of a call show that one would be written.

Decides: the path class, and which texts of a call name files: whole texts, targets in patches, words of commands,
members of archives. Does not decide what follows (`gates/composition.py`), nor what a path resolves to.

Two harmless servers over one root can combine into code execution: one writes `.git/hooks/pre-commit`, the other
commits (docs/threat-model.md, "Composition"). The class names what a usual tool runs without anybody opening it. It
cannot be complete: a script that the project itself calls is not in it.
"""

import base64
import binascii
import io
import itertools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from context.json_values import JsonObject, leaves
from tool_gateway.arguments.path_texts import LONGEST, path_readings, within_forbidden
from tool_gateway.interface import KnownTool

EXECUTABLE = (
    # version control: hooks, filters, configured commands
    *(".git", ".hg", ".svn", ".husky", ".githooks", ".gitmodules", ".gitattributes", ".pre-commit-config.yaml"),
    *("lefthook.yml", ".lefthook.yml", "hooks/pre-commit", "hooks/pre-push", "hooks/post-checkout", "hooks/post-merge"),
    # editors and agents: tasks, launchers, servers
    *(".vscode", ".idea", ".devcontainer", ".cursor", ".claude", ".zed", ".nvim.lua", ".exrc", ".vimrc", ".mcp.json"),
    *(".emacs", ".emacs.d", ".dir-locals.el", ".cursorrules", ".gatehost"),
    # shells and logins
    *(".envrc", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc"),
    *(".zshenv", ".zprofile", ".zlogin", ".kshrc", ".cshrc", ".tcshrc", ".inputrc", ".xprofile", ".xinitrc"),
    *(".config/fish", ".config/autostart", ".config/systemd", ".config/git", ".gitconfig", ".ssh", ".tmux.conf"),
    *(".local/bin", ".local/share/applications", "bin/activate", "activate_this.py"),
    # package managers and builds: scripts that run on install, build or test
    *("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", ".yarn", "node_modules", "setup.py"),
    *("setup.cfg", "pyproject.toml", "conftest.py", "tox.ini", "noxfile.py", "sitecustomize.py", "usercustomize.py"),
    *("pip.conf", ".pypirc", "Makefile", "GNUmakefile", "CMakeLists.txt", "build.rs", ".cargo", "Rakefile", "Gemfile"),
    *("build.gradle", "build.gradle.kts", "gradlew", "mvnw", ".mvn", "justfile", "Justfile", "Taskfile.yml"),
    *("Taskfile.yaml", "Vagrantfile", "composer.json", "site-packages", ".venv"),
    # continuous integration and deployment
    *(".github/workflows", ".github/actions", ".gitlab-ci.yml", ".gitlab", ".circleci", "Jenkinsfile", ".drone.yml"),
    *(".travis.yml", ".buildkite", "azure-pipelines.yml", ".woodpecker.yml", ".woodpecker", "bitbucket-pipelines.yml"),
    *("Dockerfile", "Containerfile", "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"),
    # the operating system
    *("/etc", "/lib/systemd", "/usr/lib/systemd", "/var/spool/cron", "crontab", "cron.d", "init.d", "/root", "/boot"),
    # what decides about calls like this one
    *("mcp_servers.toml", "mcp_servers.lock", "gatehost.toml", "policies/schema.cedarschema"),
)
"""Names anywhere in a path, or places in the sandbox; all that lies in one belongs to the class."""

_PLAIN = re.compile(r"[A-Za-z0-9_ ./:@%+=,;!#&()'\"$-]{0,4096}")
"""Nothing in it that a file system or a server could read in another way: no wildcard, tilde, backslash or braces."""

_FIRST_NAMES = frozenset(entry.strip("/").split("/")[0].casefold() for entry in EXECUTABLE)


def _may_be_one(text: str) -> bool:
    """A quick look that never says no to one: every member begins with one of a few names, or ends in a suffix."""
    folded = text.casefold()
    if "%" in folded or folded.startswith("file:") or folded.rstrip(" ./").partition("::")[0].endswith(_SUFFIXES):
        return True
    names = [part.rstrip(" .").partition(":")[0].strip() for part in folded.split("/")]
    return not _FIRST_NAMES.isdisjoint(names)


_SUFFIXES = (".pth", ".desktop", ".service", ".timer", ".cedar", ".lnk", ".scpt", ".command")
_CONTENT = frozenset(
    {
        *("content", "contents", "text", "body", "message", "msg", "subject", "title", "description", "comment"),
        *("summary", "query", "old_text", "new_text", "oldtext", "newtext", "old_string", "new_string", "old_str"),
        *("new_str", "oldstring", "newstring", "insert_text", "file_text", "filecontent", "file_content", "markdown"),
    }
)
"""Arguments that carry prose or a file's content: their whole text is no path."""

_PATCHES = frozenset({"patch", "diff", "unified_diff", "udiff", "changes"})
_COMMANDS = frozenset({"command", "cmd", "script", "shell", "args", "argv", "arguments", "commands", "code"})
_HEADER = re.compile(
    r"^(?:\+\+\+ |--- |rename to |rename from |copy to |\*\*\* (?:Add|Update|Delete) File: |\*\*\* Move to: )(.+)$"
    r"|^diff --git (\S+) (\S+)$",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\s'\"`;&|<>(){}$=,]+")
_INDEX = re.compile(r"\[\d+\]")
_MOST_WORDS = 10_000
_MOST_RESOLVED = 200
_MOST_MEMBERS = 10_000
_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an argument names.

    Attributes:
        path: Of the argument.
        text: As it stands there.
        how: `path`, `patch`, `command` or `archive`.
    """

    path: str
    text: str
    how: str


def named_files(arguments: JsonObject) -> Iterator[NamedFile]:
    """Every text of the arguments that may name a file which the call writes, renames, links or unpacks."""
    for path, value in leaves(arguments):
        if not isinstance(value, str) or not value:
            continue
        name = (_INDEX.sub("", path) if "[" in path else path).rpartition(".")[2].casefold()
        if name in _PATCHES or ("\n" in value and _looks_like_patch(value)):
            yield from (NamedFile(path, text, "patch") for text in _patch_targets(value))
        if name in _COMMANDS:
            words = itertools.islice(_WORD.finditer(value), _MOST_WORDS)
            yield from (NamedFile(path, word[0], "command") for word in words)
        elif name not in _CONTENT and "\n" not in value and len(value) <= LONGEST:
            yield NamedFile(path, value, "path")
        if len(value) >= 64 and (members := _members(value)):
            yield from (NamedFile(path, member, "archive") for member in members)


def written_paths(tool: KnownTool, arguments: JsonObject) -> list[str]:
    """Texts that the host must resolve before a call with an effect is judged: a link may lead into the class."""
    if tool.rule.effect == "read" or tool.rule.executable_paths == "allow":
        return []
    found = (named.text for named in named_files(arguments) if named.how in {"path", "patch"})
    return list(dict.fromkeys(itertools.islice(found, _MOST_RESOLVED)))


def executable(text: str) -> str | None:
    """The member of the class that `text`, read as a path, lies in; None when it lies in none."""
    if _PLAIN.fullmatch(text) and not _may_be_one(text):
        return None
    text = text.replace("\\", "/")
    readings = path_readings(text.lstrip("~"))
    for reading in dict.fromkeys((text, *(readings if isinstance(readings, tuple) else ()))):
        found = within_forbidden(reading, EXECUTABLE)
        if found is not None:
            return found
        plain = reading.rstrip(" ./").casefold().partition("::")[0]
        for suffix in _SUFFIXES:
            if plain.endswith(suffix) and len(plain) > len(suffix):
                return f"*{suffix}"
    return None


def _looks_like_patch(text: str) -> bool:
    return "\n+++ " in text or text.startswith(("diff --git ", "--- ", "*** Begin Patch"))


def _patch_targets(text: str) -> Iterator[str]:
    for found in _HEADER.finditer(text):
        for target in found.groups():
            if target and target != "/dev/null":
                plain = target.split("\t")[0].strip().strip('"')
                yield re.sub(r"^[abciow]/", "", plain)


def _members(text: str) -> list[str]:
    """Names in a base64 archive (zip, tar, tar.gz); none for anything else, or beyond what is looked through."""
    start = text[:8]
    if not start.isascii() or start.startswith("data:"):
        text = text.partition(",")[2]
    try:
        raw = base64.b64decode(text[: _MOST_BYTES * 4 // 3], validate=False)
    except (binascii.Error, ValueError):
        return []
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw, _MOST_BYTES)
        except zlib.error:
            return []
    try:
        if raw[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                return [info.filename for info in archive.infolist()[:_MOST_MEMBERS]]
        if raw[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
                found = itertools.islice(archive, _MOST_MEMBERS)
                return [name for info in found for name in (info.name, info.linkname) if name]
    except (zipfile.BadZipFile, tarfile.TarError, ValueError, OSError, EOFError):
        return []
    return []
