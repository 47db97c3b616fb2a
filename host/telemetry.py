"""Spans of a run, by W3C ids that events and record entries carry too.

Decides: which steps are spans and that their ids are ours, with or without an OpenTelemetry SDK behind
them. Does not decide where spans go: the standard `OTEL_*` environment does. Nothing of OpenTelemetry is
imported when nothing is configured.

Span and attribute names follow the GenAI and MCP semantic conventions (status: Development, repository
open-telemetry/semantic-conventions-genai), which change; they stand only in this module.
"""

import importlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from context.errors import ConfigError
from context.ids import new_span_id
from host.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_next_ids: ContextVar[tuple[str, str] | None] = ContextVar("next_ids", default=None)

INVOKE_AGENT = "invoke_agent"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"


@dataclass(slots=True)
class Span:
    """One step while it lasts; `attributes` may grow until it ends."""

    span_id: str
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict[str, "str | int | float | bool"])
    error: str | None = None

    def fail(self, kind: str) -> None:
        self.error = kind


class Tracer:
    """Makes the spans of one run."""

    def __init__(self, trace_id: str, provider: "TracerProvider | None" = None) -> None:
        self.trace_id = trace_id
        self._tracer = provider.get_tracer("gatehost", VERSION) if provider is not None else None
        self._provider = provider

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | int | float | bool]) -> Generator[Span]:
        """A span under the one that is open in this task."""
        span = Span(new_span_id(), dict(attributes))
        if self._tracer is None:
            yield span
            return
        from opentelemetry.trace import Status, StatusCode

        token = _next_ids.set((self.trace_id, span.span_id))
        try:
            started = self._tracer.start_as_current_span(name)
            with started as otel:
                _next_ids.reset(token)
                try:
                    yield span
                finally:
                    for key, value in span.attributes.items():
                        otel.set_attribute(key, value)
                    if span.error is not None:
                        otel.set_attribute("error.type", span.error)
                        otel.set_status(Status(StatusCode.ERROR))
        finally:
            _next_ids.set(None)

    def close(self) -> None:
        """Send what is still queued."""
        if self._provider is not None:
            self._provider.shutdown()


def configured_provider(environ: Mapping[str, str]) -> "TracerProvider | None":
    """The SDK as `OTEL_TRACES_EXPORTER` (`console`, `otlp`) or `OTEL_EXPORTER_OTLP_ENDPOINT` ask for it, or None.

    Raises:
        ConfigError: an unknown exporter, or one whose package is not installed.
    """
    chosen = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not chosen and any(
        environ.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    ):
        chosen = "otlp"
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or chosen in {"", "none"}:
        return None
    return make_provider(_exporter(chosen))


def make_provider(exporter: Any) -> "TracerProvider":
    """A provider whose ids are ours and whose propagation carries `traceparent` only: baggage goes to no server."""
    from opentelemetry import propagate, trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    class OurIds(IdGenerator):
        """Takes the ids that the run's events carry; spans that libraries open get random ones."""

        def __init__(self) -> None:
            self._random = RandomIdGenerator()

        def generate_trace_id(self) -> int:
            ids = _next_ids.get()
            return int(ids[0], 16) if ids else self._random.generate_trace_id()

        def generate_span_id(self) -> int:
            ids = _next_ids.get()
            return int(ids[1], 16) if ids else self._random.generate_span_id()

    provider = TracerProvider(
        id_generator=OurIds(), resource=Resource.create({"service.name": "gatehost", "service.version": VERSION})
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    trace.set_tracer_provider(provider)
    return provider


def _exporter(name: str) -> Any:
    if name == "console":
        import sys

        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    if name == "otlp":
        try:
            module = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        except ImportError as error:
            raise ConfigError(
                "the OTLP exporter is not installed",
                where="OTEL_TRACES_EXPORTER",
                next_step="Install opentelemetry-exporter-otlp-proto-http beside gatehost, or use `console`",
            ) from error
        return module.OTLPSpanExporter()
    raise ConfigError(f"unknown exporter {name!r}", where="OTEL_TRACES_EXPORTER", next_step="Use console, otlp or none")
