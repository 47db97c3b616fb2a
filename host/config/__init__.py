"""The files an operator writes, each read in one place: servers, settings, lock, trust."""
