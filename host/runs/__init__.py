"""One run: its parts, its loop, its table of transitions, its flags."""
