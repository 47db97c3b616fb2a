"""Declared secrets on their way into a sandbox, and out of everything it prints."""
