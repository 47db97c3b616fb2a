"""Between a server's bytes and the SDK: one bounded decoder, and what it lets through."""
