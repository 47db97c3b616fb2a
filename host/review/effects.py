"""A careful first guess at a tool's effect, for a person to correct.

Decides: the guess, from the words of a tool's name, its arguments and its hints. Does not decide the effect: the
servers file does, once somebody agreed to it.

What a server says of itself is a hint, never authority: a hint can only make the guess stricter, and a
description is not read at all. `read` is guessed only for a name that begins with a word for reading, does
nothing else by its name, and takes nothing that could be written, run or sent somewhere. Unsure means `write`.
"""

from collections.abc import Iterable, Sequence

from context.calls import Effect, ToolDefinition
from host.review.arguments import Argument
from tool_gateway.provenance.sinks import words_of

_READS = frozenset(
    {
        *("get", "list", "read", "search", "find", "show", "view", "describe", "count", "diff", "compare", "lookup"),
        *("inspect", "grep", "ls", "cat", "head", "tail", "stat", "peek", "query", "whoami", "ping", "help", "fetch"),
        *("convert", "calculate", "compute", "estimate", "validate", "explain", "echo", "browse", "retrieve"),
    }
)
_READ_NOUNS = frozenset({"status", "log", "info", "history", "stats", "version", "tree", "health", "blame"})
_THINGS = frozenset(
    {
        *("directory", "file", "folder", "system", "server", "service", "database", "table", "user", "repo"),
        *("repository", "project", "memory", "disk", "process", "git", "commit", "branch"),
    }
)
_DESTROYS = frozenset(
    {
        *("delete", "remove", "drop", "destroy", "purge", "erase", "wipe", "truncate", "reset", "kill", "terminate"),
        *("uninstall", "revoke", "prune", "force", "rm", "rmdir", "unlink", "clear", "shutdown", "rollback", "revert"),
        *("discard", "overwrite", "del", "expire", "flush", "shred", "restore"),
        # What runs whatever it is given can destroy.
        *("exec", "execute", "eval", "evaluate", "shell", "bash", "sh", "cmd", "spawn", "sudo", "subprocess"),
    }
)
_DESTROYS_FIRST = frozenset({"run", "command", "script", "terminal", "format", "clean", "stop"})
_SENDS = frozenset(
    {
        *("send", "publish", "pay", "notify", "transfer", "buy", "purchase", "invite", "upload", "push", "deploy"),
        *("submit", "reply", "forward", "refund", "donate", "withdraw", "broadcast", "announce", "merge", "subscribe"),
        *("unsubscribe", "curl", "dial"),
    }
)
_SENDS_FIRST = frozenset(
    {
        *("post", "email", "mail", "message", "tweet", "sms", "order", "comment", "share", "call", "book", "charge"),
        *("release", "request", "http", "webhook", "download", "sign", "payment"),
    }
)
_WRITES = frozenset(
    {
        *("write", "create", "update", "set", "add", "edit", "move", "rename", "copy", "checkout", "insert", "put"),
        *("save", "store", "append", "replace", "apply", "mark", "toggle", "enable", "disable", "modify", "upsert"),
        *("assign", "install", "register", "configure", "mkdir", "touch", "and", "or", "then"),
    }
)
_CARRIES = frozenset(
    {
        *("content", "contents", "body", "payload", "sql", "script", "command", "cmd", "statement", "patch", "edits"),
        *("program", "output", "destination", "dest", "outfile"),
    }
)
"""Last words of arguments that bring something along to be written or run, or say where to."""
_PLACES = frozenset({"path", "file", "filename", "dir", "directory", "folder", "to"})
_OUTSIDE = frozenset(
    {
        *("url", "urls", "uri", "uris", "host", "hosts", "hostname", "domain", "endpoint", "webhook", "href", "link"),
        *("recipient", "recipients", "to", "cc", "bcc", "email", "emails", "phone", "channel", "address", "iban"),
        *("account", "payee", "remote", "bucket", "ip"),
    }
)
_OUTSIDE_FORMATS = frozenset({"uri", "url", "iri", "hostname", "idn-hostname", "email", "idn-email", "ipv4", "ipv6"})


def habit(tools: Iterable[str], *, server: Iterable[str]) -> str:
    """The word that every tool of a server begins with, where it is a word of the server's own name; else empty.

    `git_log` and `git_diff` of mcp-server-git say `log` and `diff`.
    """
    firsts = {words[0] for tool in tools if (words := words_of(tool))}
    first = firsts.pop() if len(firsts) == 1 else ""
    known = _READS | _DESTROYS | _DESTROYS_FIRST | _SENDS | _SENDS_FIRST | _WRITES
    return first if first in set(server) - known else ""


def guess_effect(tool: ToolDefinition, arguments: Sequence[Argument], *, habit: str = "") -> Effect:
    """The effect to propose.

    Args:
        habit: A first word of the name that says nothing (`habit`).
    """
    words = words_of(tool.name)
    effect = _by_name(words[1:] if habit and words[0] == habit and len(words) > 1 else words, arguments)
    hints = tool.annotations or {}
    read_only, destructive, open_world = (
        hints.get(name) for name in ("readOnlyHint", "destructiveHint", "openWorldHint")
    )
    if effect == "read" and read_only is False:
        effect = "write"
    if effect in {"write", "external_write"} and destructive is True and read_only is not True:
        return "destructive"
    return "external_write" if effect == "write" and open_world is True and read_only is not True else effect


def reaches_outside(argument: Argument) -> bool:
    """Whether the argument says who or where, out there: a URL, a host, a recipient."""
    return bool(_OUTSIDE & set(words_of(argument.name)[-1:])) or argument.told.get("format") in _OUTSIDE_FORMATS


def _by_name(words: Sequence[str], arguments: Sequence[Argument]) -> Effect:
    first, named = set(words[:1]), set(words)
    if named & _DESTROYS or first & _DESTROYS_FIRST:
        return "destructive"
    if named & _SENDS or first & _SENDS_FIRST:
        return "external_write"
    reads = first & _READS or (words and words[-1] in _READ_NOUNS and set(words[:-1]) <= _THINGS)
    if not reads or named & _WRITES or any(map(_carries, arguments)):
        return "external_write" if named & _SENDS_FIRST else "write"
    # What is fetched from an address of the caller's choice tells that address whatever stands in it.
    return "external_write" if any(map(reaches_outside, arguments)) else "read"


def _carries(argument: Argument) -> bool:
    words = words_of(argument.name)
    return bool(_CARRIES & set(words[-1:])) or (bool(_CARRIES & set(words[:1])) and bool(_PLACES & set(words[-1:])))
