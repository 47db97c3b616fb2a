"""Tasks that run beside a body and end with it.

Decides: that what the body raises reaches its caller as it was, not wrapped in an `ExceptionGroup`, as a bare
task group in a context manager would have it. Does not decide what runs.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio


@asynccontextmanager
async def beside(*tasks: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Run `tasks` while the body runs; cancel them at its end. They must not raise."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(task)
        try:
            yield
        except Exception as error:
            failure = error
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
