"""Customers, orders and their lines by the command; then edits by hand; then more fields."""

import re
import shutil
import time
from pathlib import Path

import pytest

from fleet.resource.project import Project
from fleet.resource.record import recorded
from tests.resource.conftest import Command
from tests.resource.specifications import WALK
from tests.support import services
from tests.support.edits import replace
from tests.support.figures import figure
from tests.support.services import Environment

pytestmark = pytest.mark.slow
FOLDERS = "tests/customers tests/orders tests/order_lines tests/test_migrations.py"
MACHINE = """
ORDER_OF_STATUSES = [OrderStatus.DRAFT, OrderStatus.PLACED, OrderStatus.SHIPPED]


async def _check_status(session: AsyncSession, order_id: uuid.UUID, status: OrderStatus) -> None:
    now = (await get_order(session, order_id, for_update=True)).status
    if ORDER_OF_STATUSES.index(status) < ORDER_OF_STATUSES.index(now):
        raise ConflictError(f"The order is {now.value}, and cannot be {status.value} again.")


async def update_order("""
CHECKED = """    if "status" in values:
        await _check_status(session, order_id, values["status"])
"""
OWN_TESTS = '''"""What somebody has written by hand."""

from httpx2 import AsyncClient

from tests.orders.examples import create_order


async def test_an_order_that_was_shipped_is_no_draft_again(client: AsyncClient) -> None:
    order = await create_order(client, status="shipped")

    response = await client.patch(f"/orders/{order['id']}", json={"status": "draft"})

    assert response.status_code == 409
    assert response.json()["detail"] == "The order is shipped, and cannot be draft again."


async def test_orders_are_found_by_their_least_total(client: AsyncClient) -> None:
    _, large = [await create_order(client, total=total) for total in ("1.00", "2.00")]

    found = await client.get("/orders", params={"min_total": "1.50"})

    assert [order["id"] for order in found.json()["items"]] == [large["id"]]
'''
FILL = """
    WITH c AS (INSERT INTO customer (id, name, email)
    VALUES (gen_random_uuid(), 'Ada', 'ada@example.org') RETURNING id)
    INSERT INTO "order" (id, number, total, customer_id) SELECT gen_random_uuid(), '1', 2, id FROM c
"""
MORE = ", colour:enum(red,blue)=red, remark:text?, extra:json={}, price:decimal(9,2)=0"


def add_a_status_machine(service: Path) -> None:
    file = service / "app/orders/service.py"
    replace(file, "\nasync def update_order(", MACHINE)
    dumped = "    values = data.model_dump(exclude_unset=True)\n"
    replace(file, dumped, f"{dumped}{CHECKED}")
    replace(file, "import NotFoundError", "import ConflictError, NotFoundError")
    # The written test moves an order from any status to any other.
    made, sent = (
        "    order = await create_order(client{})\n",
        "    value = (await order_body(client){})",
    )
    replace(
        service / "tests/orders/test_routes.py",
        made.format("") + sent.format(""),
        made.format(', status="draft"') + sent.format(' | {"status": "shipped"}'),
    )


def add_a_search(service: Path) -> None:
    file = service / "app/orders/service.py"
    replace(
        file,
        "    customer_id: uuid.UUID | None = None,\n",
        "    customer_id: uuid.UUID | None = None,\n    min_total: Decimal | None = None,\n",
    )
    replace(file, "import uuid\n", "import uuid\nfrom decimal import Decimal\n")
    asked = "    if customer_id is not None:\n"
    least = "    if min_total is not None:\n        where.append(Order.total >= min_total)\n"
    replace(file, asked, f"{least}{asked}")
    routes = service / "app/orders/routes.py"
    replace(
        routes,
        "    customer_id: uuid.UUID | None = None,\n",
        "    customer_id: uuid.UUID | None = None,\n    min_total: Total | None = None,\n",
    )
    replace(routes, "customer_id=customer_id", "customer_id=customer_id, min_total=min_total")
    replace(routes, "import OrderCreate,", "import Total, OrderCreate,")


def add_a_column_that_is_required(service: Path) -> None:
    note = "    note: Mapped[str | None]"
    column = '    currency: Mapped[str] = mapped_column(String(3), server_default="EUR")\n'
    replace(service / "app/orders/models.py", note, f"{column}{note}")


def test_three_resources_are_written_edited_and_extended(
    service: Path,
    environment: Environment,
    resource: Command,
    monkeypatch: pytest.MonkeyPatch,
    full: bool,
) -> None:
    for name, value in environment.variables.items():
        monkeypatch.setenv(name, value)
    shutil.copy2(environment.lock, service)
    services.commit(service, "Start from the template")

    began = time.monotonic()
    for asked in WALK:
        under = ["--under", asked.under] if asked.under else []
        code, said = resource(service, "--name", asked.name, "--fields", asked.fields, *under)
        assert (code, f"Wrote app/{asked.many} (" in said) == (0, True), said
    written = time.monotonic() - began
    if full:
        environment.run(service, "make", "migrate", "check", "test")
    figure("customers, orders, lines", written=written, green=time.monotonic() - began)
    services.commit(service, "Write customers, orders and their lines")

    environment.run(service, "make", "migrate")
    environment.run(service, "uv", "run", "python", "-m", "dev.run", "psql", "-c", FILL)
    add_a_status_machine(service)
    add_a_search(service)
    add_a_column_that_is_required(service)
    (service / "tests/orders/test_own.py").write_text(OWN_TESTS)
    environment.run(service, "make", "migration", "m=add the currency")
    environment.run(service, "make", "migrate", "format")
    services.commit(service, "Edit orders")

    fields = WALK[1].fields + MORE
    code, said = resource(service, "--name", "order", "--fields", fields)
    assert (code, "Merged what is new into " in said) == (0, True), said
    tests = [] if full else [f"ARGS={FOLDERS}"]
    checked = environment.run(service, "make", "migrate", "format", "check", "test", *tests)

    assert re.search(r"^=+ \d+ passed in ", checked.stdout, re.MULTILINE)
    text = (service / "app/orders/service.py").read_text()
    assert [text.count(edit.strip()) for edit in (CHECKED, "Order.total >= min_total")] == [1, 1]
    [migration] = service.glob("migrations/versions/*_change_order.py")
    assert migration.read_text().count("op.add_column(") == 4
    assert recorded(Project(service))["order"].fields == fields
