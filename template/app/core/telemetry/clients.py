"""What the service asks of others over HTTP belongs to the trace of the request that asks."""

from typing import Any, TypeVar

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

ClientT = TypeVar("ClientT")
FIRST_FAILURE = 400  # of a call, as the semantic conventions have it


def traced(client: ClientT) -> ClientT:
    """The same `httpx2.AsyncClient`: each request is a span, and tells others the `traceparent`.

    A URL may hold anything: the span has method, host and status, neither path nor query.
    """
    of_client: Any = client
    send = of_client.send

    async def send_traced(request: Any, **options: Any) -> Any:
        told = {"http.request.method": request.method, "server.address": request.url.host}
        with trace.get_tracer("app").start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes=told,
            record_exception=False,  # its message may have the URL
            set_status_on_exception=False,
        ) as span:
            propagate.inject(request.headers)
            return await _watched(send(request, **options), span)

    of_client.send = send_traced
    return client


async def _watched(answer: Any, span: Span) -> Any:
    try:
        response = await answer
    except BaseException as error:
        _fail(span, type(error).__qualname__)
        raise
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= FIRST_FAILURE:
        _fail(span, str(response.status_code))
    return response


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)
