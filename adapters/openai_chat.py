"""Any server that speaks Chat Completions: OpenAI's, vLLM, llama.cpp, gateways and the like.

Decides: the address, the headers, and when a stream is a good answer. Does not decide how the conversation
is written (`chat_request`), how chunks add up (`chat_answer`), nor what a provider's refusal means
(`provider_faults`).

Settings: `base_url` is what the SDK takes, with `/v1`. The bound on the answer is sent as
`max_completion_tokens` to OpenAI itself, whose newer models refuse the old name, and as `max_tokens` to all
others, many of which know no other. Text that a server marks as reasoning is neither shown nor sent back.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
from anyio.lowlevel import checkpoint

from adapters.chat_answer import ChatAnswer, TooManyCalls
from adapters.chat_request import request_body
from adapters.foreign_json import NoJsonObject, read_object
from adapters.http_requests import Answer, HttpLimits, HttpPeer
from adapters.interface import AdapterKind, ModelAdapter, ModelEvent, ModelSettings, TextDelta, View
from adapters.provider_faults import fault, fault_inside
from adapters.retries import Sleep, retried
from adapters.sse import SseDecoder, SseFault
from context.errors import ConfigError, ModelError
from context.json_values import JsonObject

_LAST_BYTES_WAIT = 0.25
"""Seconds for the stream's end after its end mark; a connection read to its end serves the next turn."""


class OpenAIChat:
    """One model behind one `/chat/completions`.

    Raises:
        ConfigError: `base_url` is missing or unusable.
    """

    def __init__(
        self, settings: ModelSettings, *, limits: HttpLimits | None = None, sleep: Sleep = anyio.sleep
    ) -> None:
        if not settings.base_url:
            raise ConfigError(
                "`base_url` is missing",
                where=f"model {settings.name}",
                next_step='Add it, with the /v1 that the SDK takes, for example base_url = "http://127.0.0.1:8000/v1"',
            )
        self._settings = settings
        self._sleep = sleep
        self._peer = HttpPeer(
            label=settings.name,
            model=settings.model,
            base_url=settings.base_url,
            key=settings.key,
            headers=lambda key: {"Authorization": f"Bearer {key}"},
            limits=limits or HttpLimits(idle=settings.timeout),
        )
        openai = self._peer.hostname.endswith((".openai.com", ".openai.azure.com"))
        self._limit_key = "max_completion_tokens" if openai else "max_tokens"

    @property
    def model(self) -> str:
        return self._settings.model

    @property
    def scripted(self) -> bool:
        return False

    async def stream(self, view: View) -> AsyncGenerator[ModelEvent, None]:
        """See `ModelAdapter.stream`."""
        body = request_body(view, model=self._settings.model, limit_key=self._limit_key)
        events = retried(lambda: self._attempt(body), retries=self._settings.retries, sleep=self._sleep)
        async with aclosing(events):
            async for event in events:
                yield event

    async def aclose(self) -> None:
        await self._peer.aclose()

    async def _attempt(self, body: JsonObject) -> AsyncGenerator[ModelEvent, None]:
        answer = ChatAnswer(self._settings.model)
        async with self._peer.post("/chat/completions", body) as response:
            await self._check_form(response)
            async with aclosing(self._chunks(response)) as chunks:
                async for chunk in chunks:
                    text = self._folded(answer, chunk)
                    if text:
                        await checkpoint()  # one piece of the network may hold thousands of deltas
                        yield TextDelta(text)
        if not answer.finished:
            raise self._peer.error("the stream ended before the answer did", retryable=True)
        for call in answer.calls():
            await checkpoint()
            yield call
        await checkpoint()
        yield answer.completed()

    async def _check_form(self, response: Answer) -> None:
        """A good status says little: proxies send login pages, gateways send errors, some servers do not stream."""
        if "json" not in response.media_type and "html" not in response.media_type:
            return
        start = await response.beginning(64 * 1024)
        try:
            inside = self._error_in(read_object(start))
        except NoJsonObject:
            raise fault(response.status, start, where=self._peer.where, model=self.model, key=self._peer.key) from None
        raise inside or self._peer.error(
            "the server answered in one piece although a stream was asked for",
            next_step="Use a server that streams Chat Completions, and check that `base_url` is its address",
        )

    async def _chunks(self, response: Answer) -> AsyncGenerator[JsonObject, None]:
        """The stream's chunks up to its end mark, or to its end."""
        decoder = SseDecoder()
        async with aclosing(response.chunks()) as pieces:
            async for piece in pieces:
                try:
                    for event in decoder.feed(piece):
                        if event.data.strip() == "[DONE]":
                            with anyio.move_on_after(_LAST_BYTES_WAIT):
                                await anext(pieces, None)
                            return
                        yield read_object(event.data)
                except SseFault as exc:
                    raise self._peer.error(str(exc)) from None
                except NoJsonObject:
                    raise self._peer.error(
                        "an event of the stream is no JSON object",
                        next_step="Check that `base_url` is the address of a Chat Completions server",
                    ) from None

    def _folded(self, answer: ChatAnswer, chunk: JsonObject) -> str:
        error = self._error_in(chunk)
        if error is not None:
            raise error
        try:
            return answer.take(chunk)
        except TooManyCalls as exc:
            raise self._peer.error(str(exc)) from None

    def _error_in(self, chunk: JsonObject) -> ModelError | None:
        return fault_inside(chunk, where=self._peer.where, model=self.model, key=self._peer.key)


def _make(settings: ModelSettings) -> ModelAdapter:
    return OpenAIChat(settings)


KIND = AdapterKind(name="openai_chat", make=_make)
