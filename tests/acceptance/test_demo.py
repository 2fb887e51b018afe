"""What a newcomer sees first: servers of its own, a sample load, and an end by itself."""

import os
import socket
import subprocess
from pathlib import Path

from tests.acceptance.fleet import FLEETLOG


def test_the_demo_ends_well_having_shown_a_read_model_a_history_and_no_lag(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    home = {"FLEETLOG_HOME": str(tmp_path / "home"), "FLEETLOG_DASHBOARD_PORT": port}

    demo = subprocess.run(
        [*FLEETLOG, "demo", "--exit"],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert demo.returncode == 0, demo.stderr
    assert "user_read_model" in demo.stdout
    assert "UserCreated" in demo.stdout
    lags = [line.split()[2] for line in demo.stdout.splitlines() if line.startswith(DIRECTORIES)]
    assert lags == ["0", "0"]


DIRECTORIES = ("order_board ", "user_directory ")
