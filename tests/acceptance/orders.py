"""Order commands for the acceptance tests: the real ones where they are, else of the same shape."""

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

REAL = Path(__file__).parents[3] / "shared" / "data" / "orders.commands.jsonl.gz"
NAMESPACE = uuid.UUID("5a0fd0f5-0b1b-5d0c-8d60-7a4b1a4f2a10")


def order_commands(orders: int) -> list[dict[str, Any]]:
    """Return place, pay and ship for so many orders; every third ships before it is paid."""
    commands = []
    for number in range(orders):
        order_id = f"order-{number}"
        place = command("PlaceOrder", order_id, items=["pen", "ink"], total=f"{number}.95")
        pay = command("ProcessPayment", order_id, amount=f"{number}.95")
        ship = command("ShipOrder", order_id, packages=["parcel"])
        commands += [place, ship, pay] if number % 3 == 0 else [place, pay, ship]
    return commands


def command(name: str, order_id: str, **data: Any) -> dict[str, Any]:
    command_id = uuid.uuid5(NAMESPACE, f"{name} {order_id}")
    return {
        "command": name,
        "command_id": str(command_id),
        "data": {"order_id": order_id, **data},
    }


def real_commands() -> list[dict[str, Any]]:
    with gzip.open(REAL, "rt") as lines:
        return [json.loads(line) for line in lines]
