"""Trying a model call again, as long as nothing was said.

Decides: whether, how often and after which wait a failed attempt is repeated. Does not decide which
faults may be retried (`provider_faults`, `http_requests`), nor what happens after the last one (the host).

Once one event is out, a person may have read it, so a repeated attempt would say it twice: from then on
every fault is final.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import anyio

from adapters.interface import ModelEvent, Retrying
from context.errors import ModelError

LONGEST_WAIT = 60.0
"""Seconds. A provider that asks for more is asked again after this; the final error names what it asked for."""

_FIRST_WAIT = 0.5
_LONGEST_OWN_WAIT = 30.0

Sleep = Callable[[float], Awaitable[None]]


async def retried(
    attempt: Callable[[], AsyncGenerator[ModelEvent, None]],
    *,
    retries: int,
    sleep: Sleep = anyio.sleep,
) -> AsyncGenerator[ModelEvent, None]:
    """The events of the first good attempt, with a `Retrying` before each wait.

    Args:
        attempt: Starts one attempt; called at most `retries + 1` times.

    Raises:
        ModelError: of the last attempt; `retryable` is False when something had been said.
    """
    for number in range(1, max(retries, 0) + 2):
        said = False
        try:
            async with aclosing(attempt()) as events:
                async for event in events:
                    said = True
                    yield event
            return
        except ModelError as error:
            if said:
                error.retryable = False
                raise
            if not error.retryable or retries < 1:
                raise
            if number > retries:
                raise _after_all(error, number) from error
            delay = _wait(number, error.retry_after)
            reason = error.what
        yield Retrying(number, delay, reason)
        await sleep(delay)


def _wait(number: int, asked: float | None) -> float:
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    return min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_OWN_WAIT)


def _after_all(error: ModelError, attempts: int) -> ModelError:
    return ModelError(
        f"{error.what} (attempt {attempts} of {attempts})",
        where=error.where,
        next_step=error.next_step,
        retryable=True,
        retry_after=error.retry_after,
    )
