"""A real MCP client over an open sandbox."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client

from sandboxes.interface import OpenSandbox


@asynccontextmanager
async def connected(opened: OpenSandbox, *, mode: Any = "auto", **options: Any) -> AsyncGenerator[Client, None]:
    """Connect, in either era."""

    @asynccontextmanager
    async def transport() -> AsyncGenerator[Any, None]:
        yield opened.read, opened.write

    async with Client(transport(), mode=mode, **options) as client:
        yield client


def words(result: Any) -> str:
    """The first text of a call's result."""
    return result.content[0].text
