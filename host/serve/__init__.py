"""The gateway itself as an MCP server, for another host's agents."""
