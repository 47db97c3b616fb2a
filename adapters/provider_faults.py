"""What an HTTP answer that is no model answer means, said so that a person can act on it.

Decides: which statuses and codes may be retried, how long the provider asked us to wait, and the next
step. Does not decide how often anything is retried (`retries`) nor how bytes are read (`http_requests`).

All text of a provider is foreign: it is cut, escaped, and never carries our key.
"""

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from adapters.foreign_json import NoJsonObject, object_at, read_object, text_at
from context.errors import ModelError
from context.json_values import JsonObject
from context.visible_text import escape_line

QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "access_terminated",
        "credit_balance_too_low",
        "insufficient_balance",
    }
)
"""Codes of a 429 (or 4xx) that no waiting cures."""

_RETRYABLE = frozenset({408, 409, 429})
_OVERFLOW = re.compile(r"context.{0,20}(length|window|size)|too many tokens|prompt is too long", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_QUOTED = 300


def scrubbed(text: str, key: str | None) -> str:
    """Foreign text for an error: one escaped line of at most 300 characters, our key taken out."""
    return escape_line(text.replace(key, "[key]") if key else text, _QUOTED)


def fault(
    status: int,
    body: str,
    *,
    where: str,
    model: str,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ModelError:
    """The error for an answer with `status`, or for an error object inside a good answer (its own status, or 400).

    Args:
        body: What the provider wrote, already bounded.
        headers: With lower-case names.
    """
    message, code = _told(body)
    quota = code in QUOTA_CODES
    retryable = not quota and (status in _RETRYABLE or status >= 500)
    told = scrubbed(message, key)
    what = f"the provider answered {status}" + (f" ({scrubbed(code, key)})" if code else "")
    return ModelError(
        f"{what}: {told}" if told else what,
        where=where,
        next_step=_next_step(status, code, message, quota=quota, model=model, has_key=bool(key)),
        retryable=retryable,
        retry_after=wait_asked_for(headers or {}) if retryable else None,
    )


def fault_inside(answer: JsonObject, *, where: str, model: str, key: str | None = None) -> ModelError | None:
    """The error that an answer of status 200 carries under `error`, or None."""
    if not answer.get("error"):
        return None
    told = object_at(answer, "error")
    status = next((number for name in ("status", "code") if (number := _as_status(told.get(name)))), 0)
    if not status:
        words = f"{text_at(told, 'type')} {text_at(told, 'code')}"
        status = 429 if "rate_limit" in words else 503 if re.search("server_error|overloaded", words) else 400
    return fault(status, json.dumps(answer), where=where, model=model, key=key)


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (RFC 9110, section 10.2.3: seconds or a date), or None."""
    if _SECONDS.fullmatch(milliseconds := headers.get("retry-after-ms", "").strip()):
        return float(milliseconds) / 1000
    asked = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        return max(parsedate_to_datetime(asked).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _as_status(value: object) -> int:
    if isinstance(value, str) and re.fullmatch("[1-5][0-9][0-9]", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 else 0


def _told(body: str) -> tuple[str, str]:
    """Message and code of an error body, in the shapes that compatible servers use."""
    if _is_html(body):
        return "a page of HTML, no API answer", ""
    try:
        # Some gateways wrap the error object in a list of one.
        answer = read_object(re.sub(r"\A\s*\[(.*)\]\s*\Z", r"\1", body, flags=re.DOTALL))
    except NoJsonObject:
        return body.strip(), ""
    error = object_at(answer, "error")
    message = text_at(error, "message") or text_at(answer, "error") or text_at(answer, "message")
    message = message or text_at(answer, "detail")
    code = next((text_at(source, name) for source in (error, answer) for name in ("code", "type", "status")
                 if text_at(source, name)), "")  # fmt: skip
    return message, code


def _is_html(body: str) -> bool:
    return body.lstrip()[:14].lower().startswith(("<!doctype html", "<html", "<head"))


def _next_step(status: int, code: str, message: str, *, quota: bool, model: str, has_key: bool) -> str:
    if quota or status == 402:
        return "The account has no credit left: look at the provider's billing page, or choose another model"
    if status in (401, 403):
        if has_key:
            return "Check that `key` of this model refers to a valid key for this provider"
        return 'No key is configured for this model: set `key`, for example key = "env:NAME"'
    if status == 404:
        name = escape_line(model, 100)
        return f"Check that the provider has the model {name!r} and that `base_url` is right (it usually ends in /v1)"
    if 300 <= status < 400:
        return "Redirects are not followed, so that the key goes nowhere else: put the final address into `base_url`"
    if status == 413 or (status in (400, 422) and (code == "context_length_exceeded" or _OVERFLOW.search(message))):
        return "The conversation does not fit the model's window: choose a model with a larger one, or a shorter task"
    if status == 429:
        return "Wait, or give the agent a fallback model"
    if status >= 500:
        return "The provider is in trouble: try again later, or give the agent a fallback model"
    if _is_html(message) or "HTML" in message:
        return "`base_url` probably lacks its last part, usually /v1"
    return "The provider does not take this request: check `model` and `base_url`"
