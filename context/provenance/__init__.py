"""Tracing values to the content in which they were first seen. Pure, in memory, incremental."""
