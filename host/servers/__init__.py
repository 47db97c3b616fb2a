"""The MCP servers of a run: what to start, the sessions, the pool, keeping them alive."""
