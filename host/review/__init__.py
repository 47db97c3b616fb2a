"""Reviewing a server before its word counts: looked at, compared, proposed for, and accepted."""
