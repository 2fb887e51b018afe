"""The README's own example, run as it stands: somebody else's domain, no edit to ours."""

import re
import subprocess
import sys
from pathlib import Path

from tests.acceptance.fleet import Fleet
from tests.polling import eventually

ROOT = Path(__file__).parents[2]
USE = """
from decimal import Decimal
from acme.accounts import Deposit, OverdrawnError
from workers.command_tasks import deposit, withdraw
from workers.submitting import submit

print(submit(Deposit(account_id="a", amount=Decimal("7.50"))).get(timeout=20)["version"])
print(deposit.delay(account_id="a", amount="2.50").get(timeout=20)["version"])
try:
    withdraw.delay(account_id="a", amount="100").get(timeout=20)
except OverdrawnError as refusal:
    print("refused", refusal)
"""


def python_blocks() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_domain_of_the_readme_gets_its_tasks_and_its_projection(
    fleet: Fleet, tmp_path: Path
) -> None:
    _, accounts, scenario = python_blocks()
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "accounts.py").write_text(accounts)
    fleet.env |= {"FLEETLOG_DOMAIN": "acme.accounts", "PYTHONPATH": f"{tmp_path}:{ROOT}"}

    run(fleet, f"from acme.accounts import *\nfrom decimal import Decimal\n{scenario}")
    assert fleet.cli("migrate").returncode == 0
    fleet.worker("theirs")
    said = run(fleet, USE)

    assert said.split("\n")[:3] == ["1", "2", "refused a"]
    eventually(lambda: [(str(b),) for (b,) in balances(fleet)] == [("10.00",)])


def balances(fleet: Fleet) -> list[tuple[object, ...]]:
    return fleet.rows("select balance from fleetlog_read_models.balances")


def run(fleet: Fleet, code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], env=fleet.env, capture_output=True, text=True, check=True
    ).stdout
