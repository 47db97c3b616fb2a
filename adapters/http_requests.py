"""Requests to one model provider: timeouts, bounded bodies, and faults in our words.

Decides: how long and how much a provider may talk, what of its answer is read, and how a broken
connection is told. Does not decide whether a request is repeated (`retries`), what a refusal means
(`provider_faults`), or what a body means (each model API).

No redirect is followed and no compression accepted: the first could carry the key to a stranger, the
second turns a small answer into a huge one after the bytes were counted. Proxy and certificate variables
of the environment are honoured as httpx does, except that nothing for this machine goes through a proxy.
"""

import ipaddress
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

import anyio

from adapters.provider_faults import fault, scrubbed
from context.errors import ConfigError, ModelError
from context.json_values import JsonObject

if TYPE_CHECKING:  # `import httpx` costs a quarter of a second; only a model call needs it.
    import httpx


_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "gatehost",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bounds on one request. Sizes in bytes, times in seconds.

    Attributes:
        total_bytes: Of one answer.
        error_bytes: Of an answer that is an error; the rest is not read.
        idle: Without a byte.
        total: From the request to the last byte; ends a stream that only ever says that it is alive.
    """

    total_bytes: int = 32 * 1024**2
    error_bytes: int = 64 * 1024
    connect: float = 10.0
    idle: float = 120.0
    total: float = 3600.0


class Answer:
    """A good answer, its body not read yet."""

    def __init__(self, response: "httpx.Response", peer: "HttpPeer", deadline: float) -> None:
        self._response = response
        self._peer = peer
        self._deadline = deadline

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def media_type(self) -> str:
        """In lower case, without parameters; empty when the provider did not say."""
        return self._response.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives.

        Raises:
            ModelError: cut (retryable), or beyond a limit.
        """
        seen = 0
        try:
            async for chunk in self._response.aiter_raw():
                seen += len(chunk)
                if seen > self._peer.limits.total_bytes:
                    raise self._peer.error(f"the answer is longer than {self._peer.limits.total_bytes} bytes")
                if self._peer.clock() > self._deadline:
                    raise self._peer.error(f"the answer took longer than {self._peer.limits.total:g} s")
                yield chunk
        except _http_error() as exc:
            raise self._peer.broken(exc) from None

    async def beginning(self, limit: int) -> str:
        """At most `limit` bytes of the body as text, undecodable ones replaced."""
        data = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) >= limit:
                    break
        return bytes(data[:limit]).decode(errors="replace")


class HttpPeer:
    """One provider, with a connection pool of its own. Its errors never carry the key.

    Args:
        label: The model's configured name, for errors.
        model: As the provider names it, for errors.
        base_url: What the provider's SDK takes.
        key: The secret, or None; `headers` says how it is sent.

    Raises:
        ConfigError: `base_url` or the key cannot be used.
    """

    def __init__(
        self,
        *,
        label: str,
        model: str,
        base_url: str,
        key: str | None,
        headers: Callable[[str], Mapping[str, str]],
        limits: HttpLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = _parsed(base_url, label)
        self.key = _usable(key, label)
        self.limits = limits
        self.clock = clock
        self.hostname = self._base.hostname or ""
        self.where = f"model {label} ({self._base.netloc})"
        self._model = model
        self._headers = {**_HEADERS, **(headers(self.key) if self.key else {})}
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def post(self, path: str, body: JsonObject) -> AsyncGenerator[Answer, None]:
        """Send `body` to `base_url` + `path`; leaving the block closes the connection unless its body was read.

        Raises:
            ModelError: no connection, or an answer that is no success. `retryable` says which may pass.
        """
        try:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        except (ValueError, RecursionError):
            raise self.error("the request holds values that JSON cannot hold") from None
        deadline = self.clock() + self.limits.total
        client = self._open()
        url = urlunsplit(self._base._replace(path=self._base.path.rstrip("/") + path))
        try:
            with anyio.fail_after(self.limits.total):  # headers that come byte by byte never stay idle
                response = await client.send(client.build_request("POST", url, content=content), stream=True)
        except TimeoutError:
            raise self.error(f"no answer within {self.limits.total:g} s") from None
        except _http_error() as exc:
            raise self.broken(exc, connecting=True) from None
        try:
            answer = Answer(response, self, deadline)
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise self.error("the provider compressed its answer, although it was asked not to")
            if not response.is_success:
                raise await self._refusal(response, answer)
            yield answer
        finally:
            await response.aclose()

    def error(self, what: str, *, next_step: str | None = None, retryable: bool = False) -> ModelError:
        """A fault of this provider. `what` holds no foreign text that was not `scrubbed`."""
        return ModelError(what, where=self.where, next_step=next_step, retryable=retryable)

    def broken(self, exc: Exception, *, connecting: bool = False) -> ModelError:
        """What a foreign exception of the transport means."""
        import httpx

        if isinstance(exc, httpx.ConnectTimeout | httpx.PoolTimeout):
            return self.error(
                f"no connection within {self.limits.connect:g} s", next_step=self._reach(), retryable=True
            )
        if isinstance(exc, httpx.TimeoutException):
            return self.error(
                f"no byte came or went for {self.limits.idle:g} s",
                next_step="Raise `timeout` of this model if it is only slow",
                retryable=True,
            )
        detail = scrubbed(str(exc) or type(exc).__name__, self.key)
        if _untrusted_certificate(exc):
            return self.error(
                f"the server's certificate is not trusted: {detail}",
                next_step="If the authority is yours, name its certificate file in SSL_CERT_FILE",
            )
        if isinstance(exc, httpx.ConnectError | httpx.ProxyError):
            return self.error(f"cannot connect: {detail}", next_step=self._reach(), retryable=True)
        what = "the connection broke before an answer" if connecting else "the answer was cut off"
        return self.error(f"{what}: {detail}", retryable=isinstance(exc, httpx.TransportError))

    async def aclose(self) -> None:
        """Close all connections. May be called again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _refusal(self, response: "httpx.Response", answer: Answer) -> ModelError:
        body = ""
        with anyio.move_on_after(self.limits.connect), suppress(ModelError):  # the status alone says enough
            body = await answer.beginning(self.limits.error_bytes)
        return fault(
            response.status_code,
            body,
            where=self.where,
            model=self._model,
            key=self.key,
            headers={name.lower(): value for name, value in response.headers.items()},
        )

    def _reach(self) -> str:
        return f"Is a server running at {self._base.scheme}://{self._base.netloc}, and does `base_url` name it?"

    def _open(self) -> "httpx.AsyncClient":
        import httpx

        if self._client is None:
            timeout = httpx.Timeout(self.limits.idle, connect=self.limits.connect, pool=self.limits.connect)
            try:
                self._client = httpx.AsyncClient(
                    headers=self._headers,
                    timeout=timeout,
                    follow_redirects=False,
                    # What is meant for a model on this machine is no proxy's business.
                    mounts={f"all://{_bracketed(self.hostname)}": None} if _is_loopback(self.hostname) else None,
                )
            except (OSError, ValueError, ImportError) as exc:
                raise ConfigError(
                    f"the proxy or certificate settings of the environment cannot be used ({type(exc).__name__})",
                    where=self.where,
                    next_step="Look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
                ) from None  # its text may quote a proxy's password
        return self._client


def _http_error() -> tuple[type[Exception], ...]:
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)


def _parsed(base_url: str, label: str) -> SplitResult:
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            "`base_url` is no http or https address",
            where=f"model {label}",
            next_step='Write what the provider\'s SDK takes, for example base_url = "http://127.0.0.1:8000/v1"',
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "`base_url` carries a user name or password",
            where=f"model {label}",
            next_step="Addresses stand in logs and errors: refer to the secret with `key` instead",
        )
    return parts


def _is_loopback(hostname: str) -> bool:
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"


def _bracketed(hostname: str) -> str:
    return f"[{hostname}]" if ":" in hostname else hostname


def _usable(key: str | None, label: str) -> str | None:
    """The key without the line end that files have. A key that no header can hold would be quoted by the transport."""
    key = key.strip() if key is not None else None
    if not key:
        return None
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            "the key holds characters that no HTTP header can carry",
            where=f"model {label}",
            next_step="Look at what `key` refers to: it should be one line of letters, digits and marks",
        )
    return key


def _untrusted_certificate(exc: BaseException | None) -> bool:
    for _ in range(10):
        if exc is None:
            return False
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
