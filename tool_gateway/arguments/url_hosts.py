"""Which host a URL names, read so strictly that no other reader can see another one in it.

Decides: whether a URL names an allowed host. Does not decide what that host resolves to or answers.

URL readers disagree about user information, backslashes, white space, dots at the end, number forms of
addresses and characters beyond ASCII (RFC 3986, WHATWG URL, "A New Era of SSRF" 2017). Everything on
which they could disagree is refused rather than interpreted.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from context.visible_text import escape_line, is_hidden

_LONGEST = 8192
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(?:[/?#].*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([1-9][0-9]{0,4}))?")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def url_fault(text: str, entries: Sequence[str]) -> str | None:
    """Why `text` is no URL of an allowed host, as the end of a sentence; None when it is one.

    `host` allows the scheme's own port, `host:port` that port; `*.host` allows its subdomains, not itself.
    """
    if len(text) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if "\\" in text or any(char.isspace() or is_hidden(char) for char in text):
        return "contains a backslash, white space or invisible characters"
    match = _URL.fullmatch(text)
    if match is None:
        return "is no absolute URL"
    scheme = match[1].lower()
    if scheme not in _PORTS:
        return f"has the scheme {escape_line(scheme, 20)}; only {', '.join(_PORTS)} can be judged"
    if "@" in match[2]:
        return "carries user information before its host"
    authority = _AUTHORITY.fullmatch(match[2])
    host = _plain_host(authority[1]) if authority is not None else None
    if authority is None or host is None:
        return "has a host that different readers would read differently"
    port = int(authority[2] or _PORTS[scheme])
    if any(_allows(entry.lower(), host, port, _PORTS[scheme]) for entry in entries):
        return None
    return f"names the host {host}" + ("" if port == _PORTS[scheme] else f" on port {port}") + ", which is not allowed"


def host_entry_fault(entry: str) -> str | None:
    """Why `entry` cannot stand in `url_hosts`, or None."""
    match = _AUTHORITY.fullmatch(entry.removeprefix("*."))
    host = _plain_host(match[1]) if match is not None else None
    wild_address = entry.startswith("*.") and host is not None and _is_address(host)
    if match is None or host is None or wild_address or int(match[2] or 1) > 65535:
        return f"{escape_line(entry, 80) or 'an empty text'} is no host; write host, host:port or *.host"
    return None


def _allows(entry: str, host: str, port: int, usual: int) -> bool:
    wild = entry.startswith("*.")
    match = _AUTHORITY.fullmatch(entry.removeprefix("*."))
    named = _plain_host(match[1]) if match is not None else None
    if match is None or named is None or port != int(match[2] or usual):
        return False
    if wild:
        return host.endswith("." + named) and not _is_address(host)
    return host == named


def _plain_host(written: str) -> str | None:
    """The host in its one form, or None when it is not written in it."""
    host = written.lower()
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    if len(host) > 253 or not _NAME.fullmatch(host):
        return None
    if _NUMERIC.fullmatch(host.rsplit(".", 1)[-1]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are all 127.0.0.1 to someone.
        try:
            return host if str(IPv4Address(host)) == host else None
        except ValueError:
            return None
    return host


def _is_address(host: str) -> bool:
    return host.startswith("[") or bool(_NUMERIC.fullmatch(host.rsplit(".", 1)[-1]))
