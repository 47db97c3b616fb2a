"""A server's JSON Schemas, made bounded: vetted, compiled, explained."""
