"""What the service asks of the issuer belongs to the trace of the request that needs it."""

from tests.capabilities.auth import Issuer
from tests.capabilities.telemetry import Receiver, Watched, tree, values


async def test_what_the_issuer_is_asked_is_a_part_of_the_trace(
    watched: Watched, receiver: Receiver, issuer: Issuer
) -> None:
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    async with watched() as client:
        await client.get("/nowhere", headers=headers)

    assert tree(receiver.all_spans) == ["GET", "  GET", "  GET"]
    assert [values(span.attributes).get("server.address") for span in receiver.all_spans] == [
        None,
        "issuer.test",
        "issuer.test",
    ]
