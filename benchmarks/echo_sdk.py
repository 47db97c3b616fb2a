"""An echo server as most are written: over the MCP SDK, both protocol eras."""

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> str:
    """The text, unchanged."""
    return text


@server.tool()
def note(text: str) -> str:
    """Stands for a tool that writes; the text, unchanged."""
    return text


if __name__ == "__main__":
    server.run()
