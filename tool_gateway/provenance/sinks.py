"""What each argument of a tool is for: who, where, which, how much, command, when, content, or a mere option.

Decides: roles, and which arguments are sinks, by what the operator declared or else by inference from the pinned
schema. Does not decide whether a value is fine there (`judgement.py`).

A server's own words never relax. Names, formats and types decide; a name that says nothing is taken for one that
decides something (`which`, and `how_much` for numbers). A description can only tighten.
"""

import functools
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from context.calls import Effect, ToolDefinition
from context.json_values import JsonObject
from tool_gateway.interface import KnownTool
from tool_gateway.provenance.argument_places import Leaf, Place, places

Role = Literal["who", "where", "which", "how_much", "command", "when", "content", "option"]

SINK_ROLES: frozenset[Role] = frozenset({"who", "where", "which", "how_much", "command"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_COMMAND = frozenset(
    {
        *("command", "commands", "cmd", "script", "sql", "shell", "exec", "statement", "statements", "expression"),
        *("program", "argv", "args", "arguments", "eval", "cypher", "lua", "entrypoint", "cron", "hook", "macro"),
    }
)
_CODES_OF_THINGS = frozenset({"zip", "post", "postal", "country", "currency", "area", "promo", "status", "error"})
_WHO = frozenset(
    {
        *("recipient", "recipients", "to", "cc", "bcc", "email", "emails", "mail", "attendee", "attendees", "payee"),
        *("participant", "participants", "invitee", "invitees", "guest", "guests", "beneficiary", "iban", "bic"),
        *("account", "accounts", "user", "users", "username", "usernames", "assignee", "assignees", "member"),
        *("members", "channel", "channels", "phone", "phones", "contact", "contacts", "handle", "owner", "owners"),
        *("reviewer", "reviewers", "approver", "approvers", "sender", "from", "audience", "role", "roles", "swift"),
        *("permission", "permissions", "visibility", "privacy", "access", "acl", "customer", "vendor", "supplier"),
        *("merchant", "receiver", "receivers", "person", "people", "team", "teams", "group", "groups", "wallet"),
        *("employee", "employees", "mobile", "delegate", "subscriber", "subscribers", "collaborators"),
        *("collaborator", "author", "committer", "principal", "grantee", "sharee"),
    }
)
_WHERE = frozenset(
    {
        *("url", "urls", "uri", "uris", "host", "hosts", "hostname", "domain", "domains", "endpoint", "endpoints"),
        *("webhook", "webhooks", "href", "link", "links", "address", "addresses", "ip", "path", "paths", "file"),
        *("files", "filename", "filenames", "filepath", "dir", "directory", "folder", "folders", "destination"),
        *("dest", "dst", "target", "targets", "bucket", "remote", "location", "origin", "callback", "redirect"),
        *("repo", "repository", "repositories", "server", "port", "region", "cwd", "workspace", "proxy", "website"),
        *("site", "mount", "source", "src", "attachment", "attachments", "registry", "database", "cluster"),
        *("city", "country", "place", "venue", "street", "zip", "postcode"),
    }
)
_WHICH = frozenset(
    {
        *("id", "ids", "uuid", "guid", "key", "keys", "name", "names", "ref", "refs", "branch", "commit", "tag"),
        *("tags", "sha", "hash", "slug", "item", "items", "record", "table", "ticket", "issue", "event", "hotel"),
        *("flight", "room", "product", "sku", "symbol", "ticker", "model", "version", "package", "image", "action"),
        *("operation", "method", "identifier", "index", "row", "column", "field", "fields", "selector", "filter"),
        *("password", "token", "secret", "credential", "credentials", "label", "labels", "category", "status"),
        *("thread", "reference", "object", "entity", "resource", "project", "list", "calendar", "card", "state"),
    }
)
_HOW_MUCH = frozenset(
    {
        *("amount", "amounts", "price", "quantity", "qty", "total", "sum", "currency", "percent", "percentage"),
        *("rate", "budget", "units", "shares", "fee", "cost", "value", "tip", "discount", "salary", "credit"),
        *("balance", "payment", "money", "cents", "points", "stake", "bid", "leverage", "dose", "threshold"),
    }
)
_WHEN = frozenset(
    {
        *("date", "dates", "time", "times", "datetime", "timestamp", "start", "end", "day", "days", "deadline"),
        *("due", "month", "year", "week", "hour", "minute", "until", "since", "at", "when", "duration", "timezone"),
        *("tz", "schedule", "begin", "checkin", "checkout", "expires", "expiry", "expiration", "reminder", "before"),
        *("after", "recurrence", "recurring"),
    }
)
_CONTENT = frozenset(
    {
        *("body", "content", "contents", "text", "texts", "message", "messages", "subject", "description", "title"),
        *("summary", "note", "notes", "comment", "comments", "caption", "memo", "reason", "remark", "remarks"),
        *("markdown", "paragraph", "headline", "bio", "feedback", "review", "reply", "greeting", "abstract"),
        *("details", "explanation", "answer", "topic", "agenda", "purpose", "narrative", "remittance"),
    }
)
_OPTION = frozenset(
    {
        *("limit", "page", "offset", "cursor", "size", "count", "max", "min", "top", "skip", "depth", "verbose"),
        *("verbosity", "sort", "order", "format", "lang", "language", "locale", "encoding", "unit", "theme", "color"),
        *("colour", "pretty", "indent", "recursive", "quiet", "results", "lines", "context", "case", "priority"),
        *("importance", "timeout", "style", "font", "width", "height", "precision", "sorted", "ascending"),
        *("descending", "include", "exclude", "reverse", "per", "batch", "head", "tail"),
    }
)
_DANGEROUS = frozenset(
    {
        *("force", "public", "publish", "published", "overwrite", "delete", "remove", "permanent", "permanently"),
        *("all", "everyone", "share", "shared", "notify", "external", "send", "admin", "allow", "ignore", "skip"),
        *("bypass", "hard", "unsafe", "insecure", "verify", "no", "sudo", "privileged", "root", "executable"),
        *("anonymous", "autorun", "run", "execute", "confirm", "confirmed", "approve", "approved", "enable"),
        *("enabled", "disable", "disabled", "grant", "trust", "trusted", "purge", "recurring", "broadcast"),
        *("access", "visibility", "role", "permission", "permissions", "scope", "action", "operation", "method"),
        *("mode", "privacy", "type", "kind", "status", "state", "level"),
    }
)
"""Words of switches and choices that decide what a call does, not how it is shown."""

_OUTSIDE = frozenset(
    {
        *("url", "urls", "uri", "uris", "host", "hosts", "hostname", "domain", "domains", "endpoint", "webhook"),
        *("href", "link", "links", "website", "site", "callback", "redirect", "proxy", "ip", "remote"),
    }
)
_QUERIES = frozenset({"query", "queries", "q", "search", "keyword", "keywords", "term", "terms", "prompt", "question"})
_OWN_STORES = frozenset(
    {
        *("email", "emails", "mail", "mails", "inbox", "calendar", "event", "events", "file", "files", "folder"),
        *("folders", "directory", "contact", "contacts", "note", "notes", "message", "messages", "doc", "docs"),
        *("document", "documents", "drive", "transaction", "transactions", "db", "database", "table", "tables"),
        *("row", "rows", "record", "records", "issue", "issues", "ticket", "tickets", "task", "tasks", "memory"),
        *("graph", "node", "nodes", "commit", "commits", "repo", "code", "log", "logs", "grep", "channel", "chat"),
    }
)
"""What a tool's own name says it looks through, when that is no service out there."""
_OUTSIDE_FORMATS = frozenset({"uri", "url", "iri", "uri-reference", "hostname", "idn-hostname", "ipv4", "ipv6"})
_FORMAT_ROLES: Mapping[str, Role] = {
    "email": "who",
    "idn-email": "who",
    "phone": "who",
    "date": "when",
    "date-time": "when",
    "time": "when",
    "duration": "when",
    "uuid": "which",
    "path": "where",
    "file-path": "where",
    "directory-path": "where",
}
_RUNNERS = frozenset({"run", "exec", "execute", "eval", "evaluate", "shell", "bash", "sh", "python", "sql", "terminal"})

_ARTICLE = r"\s*(?:the |an? |your |this |full |new |target |valid |comma[- ]separated |list of |\(?optional\)?:? ?)*"
_DESCRIBED: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "command",
        re.compile(
            rf"{_ARTICLE}(?:shell|bash|sql|python|javascript)?\s*(?:commands?|code|scripts?|statements?)\b"
            r"|.{0,200}\b(?:is|are|be|gets?) (?:executed|evaluated|run)\b|.{0,200}\bto (?:execute|evaluate)\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    (
        "where",
        re.compile(rf"{_ARTICLE}(?:urls?|uris?|links?|host(?:name)?s?|endpoints?|web ?hooks?|paths?)\b", re.IGNORECASE),
    ),
    (
        "who",
        re.compile(
            rf"{_ARTICLE}(?:e-?mail )?(?:recipients?|addresse?s?|ibans?|account(?: number)?s?|payees?|phone numbers?)\b"
            r"(?! (?:line|book))",
            re.IGNORECASE,
        ),
    ),
    ("how_much", re.compile(rf"{_ARTICLE}(?:amounts?|prices?|sums?)\b", re.IGNORECASE)),
)


def argument_roles(tool: KnownTool) -> Mapping[str, Role]:
    """The role of every argument path that the pinned schema has: `[]` for list items, `*` for free keys."""
    return _Known.of(tool).roles


def sinks(tool: KnownTool) -> tuple[str, ...]:
    """Paths of the arguments that decide who, where, which, when, how much or what is run: declared, else inferred."""
    return _Known.of(tool).sinks


def inferred_sinks(definition: ToolDefinition, effect: Effect) -> tuple[str, ...]:
    """What `sinks` infers where nothing is declared, for a proposal to a person."""
    root = places(definition.input_schema)
    roles = _roles(root, definition.name)
    return _inferred(root, roles, definition.name, effect)


def schema_places(tool: KnownTool) -> Place:
    """The pinned input schema as places."""
    return _Known.of(tool).root


def role_of(tool: KnownTool, leaf: Leaf) -> Role:
    """The role of one leaf. A place that the schema does not speak of, or a key of the caller's choice, is never
    taken for harmless: whoever chose the name would have chosen the role."""
    known = _Known.of(tool)
    if leaf.place is not None:
        role = known.roles.get(leaf.place.path, "which")
    elif leaf.path.endswith("{key}"):
        return "which"
    else:
        role = role_of_name(leaf.name)
    if leaf.chosen_key and role in {"option", "when"}:
        role = "which"
    return "which" if role not in SINK_ROLES and known.declared and _is_below(leaf.rule_path, known.sinks) else role


def is_sink(tool: KnownTool, leaf: Leaf) -> bool:
    """Whether the leaf lies at a sink, or where the schema says nothing and the tool has an effect."""
    known = _Known.of(tool)
    if leaf.place is not None and leaf.place.path in known.sink_places:
        return True
    if known.declared:
        return _is_below(leaf.rule_path, known.sinks)
    return leaf.place is None and tool.rule.effect != "read" and role_of(tool, leaf) in SINK_ROLES


def role_of_name(name: str, *, number: bool = False) -> Role:
    """What a bare name says, of a number or of anything; `which` where it says nothing."""
    return _by_name(words_of(name), Place("", name, frozenset({"number"} if number else ()))) or "which"


def names_somebody(name: str) -> bool:
    """Whether an argument of this name takes a person, an account or a group; `email_id` is the id of a mail."""
    words = words_of(name)
    by_id = words[-1:] in {("id",), ("ids",)}
    return not (_WHO - {"email", "emails", "mail"} if by_id else _WHO).isdisjoint(words)


@functools.lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """`getFileInfo`, `get_file_info` → `get`, `file`, `info`."""
    return tuple(word.lower() for word in _WORD.findall(name))


class _Known:
    """What was worked out for one pinned tool. Kept by the identity of its schema, which is never changed."""

    _kept: ClassVar[OrderedDict[tuple[int, str, Effect, tuple[str, ...] | None], "_Known"]] = OrderedDict()
    _most: ClassVar[int] = 512

    def __init__(self, tool: KnownTool) -> None:
        self.schema: JsonObject = tool.definition.input_schema
        self.root = places(self.schema)
        self.declared = tool.rule.sinks is not None
        self.roles = _roles(self.root, tool.definition.name)
        if tool.rule.sinks is not None:
            self.sinks = tool.rule.sinks
            self.sink_places = frozenset(path for path in self.roles if _is_below(path, self.sinks))
        else:
            self.sinks = _inferred(self.root, self.roles, tool.definition.name, tool.rule.effect)
            self.sink_places = frozenset(self.sinks)

    @classmethod
    def of(cls, tool: KnownTool) -> "_Known":
        key = (id(tool.definition.input_schema), tool.definition.name, tool.rule.effect, tool.rule.sinks)
        known = cls._kept.get(key)
        if known is None or known.schema is not tool.definition.input_schema:
            known = cls._kept[key] = cls(tool)
            while len(cls._kept) > cls._most:
                cls._kept.popitem(last=False)
        return known


def _is_below(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith((root + ".", root + "[")) for root in roots)


def _roles(root: Place, tool: str) -> dict[str, Role]:
    runs = bool(_RUNNERS & set(words_of(tool)))
    return {place.path: _role(place, runs=runs) for place in root.walk() if place.path and not place.below}


def _inferred(root: Place, roles: Mapping[str, Role], tool: str, effect: Effect) -> tuple[str, ...]:
    if effect != "read":
        # A meeting, a reminder or a payment at another hour is another one.
        return tuple(path for path, role in roles.items() if role in SINK_ROLES or role == "when")
    own = bool(_OWN_STORES & set(words_of(tool)))
    return tuple(place.path for place in root.walk() if place.path in roles and _reaches_out(place, own=own))


def _reaches_out(place: Place, *, own: bool) -> bool:
    """Whether what a read takes here is told to somebody out there."""
    words = words_of(place.name)
    if place.formats & _OUTSIDE_FORMATS or _OUTSIDE & set(words):
        return True
    if _described(place) == "where" and re.match(rf"{_ARTICLE}paths?\b", place.description, re.IGNORECASE) is None:
        return True
    return not own and bool(_QUERIES & set(words)) and place.types <= {"string"}


def _role(place: Place, *, runs: bool) -> Role:
    words = words_of(place.name)
    role: Role | None = "where" if place.formats & _OUTSIDE_FORMATS else None
    for kind in place.formats & _FORMAT_ROLES.keys():
        role = _FORMAT_ROLES[kind]
    by_name = _by_name(words, place)
    if role is None or (role == "when" and by_name in SINK_ROLES):
        role = by_name
    if role is None:
        role = "how_much" if place.types and place.types <= {"integer", "number"} else "which"
    if runs and role == "content":
        return "command"
    described = _described(place)
    closed = place.allowed is not None or (place.types and place.types <= {"boolean"})
    return described if described is not None and role not in SINK_ROLES and not closed else role


def _by_name(words: Sequence[str], place: Place) -> Role | None:
    """The first rule that knows the name. The last word counts most: `file_count` is a count."""
    if not words:
        return None
    last, named = words[-1], set(words)
    numeric = bool(place.types) and place.types <= {"integer", "number"}
    if place.types and place.types <= {"boolean"}:
        return "which" if named & _DANGEROUS else "option"
    if last in _COMMAND or (last in {"code", "codes"} and not named & _CODES_OF_THINGS):
        return "command"
    counted = last in _OPTION or (words[0] in {"max", "min", "limit", "num", "per", "page"} and last not in _WHICH)
    if numeric and counted:
        return "option" if not named & (_HOW_MUCH | _WHO) else "how_much"
    if place.allowed is not None and not named & (_WHO | _WHERE | _HOW_MUCH | _DANGEROUS):
        return "option"
    for role, known in _LAST_WORDS:
        if last in known:
            return role
    if last in _QUERIES:
        return "command" if "sql" in named else "which"
    for role, known in _LAST_WORDS[:4]:
        if named & known:
            return role
    if "remittance" in named and last in {"info", "information"}:
        return "content"  # what payment messages call the text to the payee
    if last in _OPTION and place.types <= {"string"} and last in _SHOWN_ONLY:
        return "option"
    return None


_LAST_WORDS: tuple[tuple[Role, frozenset[str]], ...] = (
    ("who", _WHO),
    ("where", _WHERE),
    ("how_much", _HOW_MUCH),
    ("which", _WHICH),
    ("when", _WHEN),
    ("content", _CONTENT),
)
_SHOWN_ONLY = frozenset(
    {"sort", "order", "lang", "language", "locale", "encoding", "theme", "color", "colour", "style"}
)


def _described(place: Place) -> Role | None:
    """What a description gives away at its beginning. Used to tighten, never to relax."""
    text = place.description[:400]
    return next((role for role, pattern in _DESCRIBED if pattern.match(text)), None) if text else None
