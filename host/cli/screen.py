"""The only place that prints: answers on stdout, progress on stderr.

Decides: which stream a line goes to. Does not decide escaping; callers pass text that is safe to show
(`context.visible_text`).
"""

import json
import sys


def say(text: str) -> None:
    """An answer: stdout, flushed, so that a reader down a pipe sees it at once."""
    print(text, flush=True)


def say_json(value: object) -> None:
    """One JSON document on stdout, indented for people, stable for scripts."""
    print(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False), flush=True)


def say_json_line(value: object) -> None:
    """One JSON document on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)


def progress(text: str) -> None:
    """News for the person who waits: stderr."""
    print(text, file=sys.stderr, flush=True)
