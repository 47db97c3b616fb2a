"""The errors of the whole house, split by whose fault it is.

    GatehostError                 1   something broke inside
    ├── UsageError                2   the command line was wrong
    ├── ConfigError               2   a file or key the operator wrote is wrong
    ├── PeerError
    │   ├── ModelError            6   a model provider failed or answered nonsense
    │   └── ServerError           7   an MCP server failed or answered nonsense
    ├── SandboxError              7   our walls could not be raised, or do not stand
    └── JournalError              1   state could not be read or written
        └── LeaseLost             1   another process owns this run now

Decides: the classes, what each error must say, and its exit code. Does not decide: refusals.
A refused call is a value (`context.decisions.Deny`), never an exception; an exception means
that something broke.

Every error answers three questions: what happened, where (file and key, server, model), and
what to do next.
"""

from typing import ClassVar


class GatehostError(Exception):
    """Base of everything that this program raises on purpose.

    Args:
        what: What happened, one sentence without a full stop.
        where: The file and key, server, model or run concerned.
        next_step: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, next_step: str | None = None) -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """The error on one line: `where: what. next step.`"""
        # Words of another program may end in a full stop.
        what = self.what.removesuffix(".") if self.next_step else self.what
        text = f"{self.where}: {what}" if self.where else what
        return f"{text}. {self.next_step}" if self.next_step else text


class UsageError(GatehostError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(GatehostError):
    """A file that the operator wrote is missing, malformed, untrusted or contradicts itself."""

    exit_code = 2


class PeerError(GatehostError):
    """Someone we talk to failed: a model provider or an MCP server."""


class ModelError(PeerError):
    """A model provider failed, refused us, or answered outside its own wire format.

    Args:
        retryable: The provider said, or the fault implies, that the same request may succeed later.
        retry_after: Seconds that the provider asked us to wait, when it said so.
    """

    exit_code = 6

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        next_step: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.retryable = retryable
        self.retry_after = retry_after


class ServerError(PeerError):
    """An MCP server could not be started, died, hung, or broke the protocol.

    Args:
        sent: The request had left us when the fault came, so its effect may have happened.
    """

    exit_code = 7

    def __init__(
        self, what: str, *, where: str | None = None, next_step: str | None = None, sent: bool = False
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.sent = sent


class SandboxError(GatehostError):
    """A sandbox could not be built, or its live walls differ from what was declared."""

    exit_code = 7


class JournalError(GatehostError):
    """The journal or the record could not be read or written; nothing with effects may go on."""


class LeaseLost(JournalError):
    """Another process took this run over; this one must stop acting for it at once."""
