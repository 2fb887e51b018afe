"""The embedded servers: shared by processes, and never lost by one of them."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kombu import Connection

from tests.integration.embedded_users import (
    UNTIL_TOLD,
    addresses,
    another_process,
    ask,
    both_answer,
    client,
    eventually,
    line,
    neither_answers,
    postmaster,
    remember,
    remembered,
    user,
)
from workers.embedded import EmbeddedServerError, hold, release, servers, stop


@pytest.fixture(scope="module")
def prepared_home() -> Iterator[Path]:
    """Two servers' data, made once; every test starts and stops the servers itself."""
    with TemporaryDirectory(prefix="fleetlog-") as place:
        with servers(Path(place), durable=False):
            pass
        yield Path(place)


@pytest.fixture
def home(prepared_home: Path) -> Iterator[Path]:
    yield prepared_home
    stop(prepared_home)


def test_data_survives_a_stop_of_both_servers(home: Path) -> None:
    with servers(home, durable=False) as first:
        remember(first, "kept")
    gone = neither_answers(first)
    with servers(home, durable=False) as second:
        found = remembered(second)

    assert gone
    assert found == ("kept", "kept")


def test_both_speak_to_the_clients_that_fleetlog_uses(home: Path) -> None:
    with servers(home, durable=False) as found:
        version = ask(found, "SHOW server_version")
        with client(found) as redis:
            policy = redis.config_get("maxmemory-policy")
        with Connection(found.broker_url) as broker:
            queue = broker.SimpleQueue("letters")
            queue.put({"hello": "world"})
            message = queue.get(timeout=5)
            message.ack()
            queue.close()

    assert version.startswith("18.")
    assert policy == {"maxmemory-policy": "noeviction"}
    assert message.payload == {"hello": "world"}


def test_nobody_else_on_the_machine_can_connect(home: Path) -> None:
    with servers(home, durable=False) as found:
        listening = ask(found, "SHOW listen_addresses")
        with client(found) as redis:
            port = redis.config_get("port")
        modes = [stat.S_IMODE((home / data).stat().st_mode) for data in ("postgres", "valkey")]

    assert listening == ""
    assert port == {"port": "0"}
    assert modes == [0o700, 0o700]


def test_the_last_process_to_leave_stops_the_servers(home: Path) -> None:
    with user(home):
        with user(home):
            found = addresses(home)
        after_the_first = both_answer(found)

    assert after_the_first
    assert neither_answers(found)


def test_the_process_that_started_the_servers_may_leave_first(home: Path) -> None:
    with user(home) as starter, user(home):
        starter.communicate()
        found = addresses(home)

        assert both_answer(found)


def test_processes_that_begin_with_nothing_at_once_share_the_same_servers(tmp_path: Path) -> None:
    with (
        another_process(tmp_path) as one,
        another_process(tmp_path) as two,
        another_process(tmp_path) as three,
    ):
        said = [line(one), line(two), line(three)]
        found = addresses(tmp_path)

        assert said == ["ready", "ready", "ready"]
        assert both_answer(found)
    assert neither_answers(found)


def test_a_killed_owner_leaves_the_servers_to_the_next_user(home: Path) -> None:
    with user(home) as owner:
        remember(addresses(home), "inherited")
        owned = postmaster(home)
        owner.kill()
    with servers(home, durable=False) as found:
        adopted, words = postmaster(home), remembered(found)

    assert adopted == owned
    assert words == ("inherited", "inherited")
    assert neither_answers(found)


def test_ctrl_c_in_the_terminal_of_one_user_is_not_felt_by_another(home: Path) -> None:
    with user(home) as starter, servers(home, durable=False) as found:
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait()

        assert both_answer(found)


def test_a_forked_child_stops_nothing_when_it_ends(home: Path) -> None:
    fork = "import os\nif os.fork() == 0: sys.exit()\nos.wait()\nprint('forked', flush=True)\n"
    with user(home, fork + UNTIL_TOLD) as parent:
        assert line(parent) == "forked"
        alive = both_answer(addresses(home))

    assert alive


def test_a_forked_child_that_holds_for_itself_may_outlive_its_parent(home: Path) -> None:
    fork = (
        "import os\n"
        "if os.fork():\n    print('parent leaves', flush=True)\n    sys.exit()\n"
        "hold(Path(sys.argv[1]), durable=False)\nprint('child holds', flush=True)\n"
    )
    with user(home, fork + UNTIL_TOLD) as parent:
        said = {line(parent), line(parent)}
        parent.wait()
        found = addresses(home)
        alive = both_answer(found)

    assert said == {"parent leaves", "child holds"}
    assert alive
    assert eventually(lambda: neither_answers(found))


def test_a_hold_within_a_hold_keeps_the_servers(home: Path) -> None:
    with servers(home, durable=False) as outer:
        with servers(home, durable=False) as inner:
            pass

        assert inner == outer
        assert both_answer(outer)
    assert neither_answers(outer)


def test_releasing_what_was_never_held_does_nothing(home: Path) -> None:
    with user(home):
        found = addresses(home)
        release(home)

        assert both_answer(found)


def test_stop_stops_the_servers_whoever_uses_them(home: Path) -> None:
    with user(home):
        found = addresses(home)
        stop(home)

        assert neither_answers(found)


def test_servers_that_crashed_start_again_and_trust_no_process_id_left_behind(home: Path) -> None:
    # What PostgreSQL acknowledged it must have written, or the end of its process would lose it.
    written = {"synchronous_commit": "on"}
    with servers(home, durable=False, postgres_settings=written) as found:
        remember(found, "recovered")
        pid_files = [home / "postgres" / "postmaster.pid", home / "valkey" / "valkey.pid"]
        left_behind = [path.read_text() for path in pid_files]
        for text in left_behind:
            os.kill(int(text.split()[0]), signal.SIGKILL)
        for path, text in zip(pid_files, left_behind, strict=True):
            # As after a reboot: the number is now that of some other living process.
            path.write_text(text.replace(text.split()[0], str(os.getpid()), 1))
        again = hold(home, durable=False)
        words = remembered(again)
        release(home)

    assert words == ("recovered", "recovered")


@pytest.mark.parametrize("name", ["rather-" * 12 + "long", "with a blank, a % and an ü"])
def test_a_path_that_no_socket_or_url_can_have_gets_its_sockets_elsewhere(
    tmp_path: Path, name: str
) -> None:
    home = tmp_path / name
    with servers(home, durable=False) as found:
        remember(found, "far away")
        sockets = [Path(found.redis_url.removeprefix("unix://")).parent]
        sockets.append(Path(ask(found, "SHOW unix_socket_directories")))
        modes = [stat.S_IMODE(directory.stat().st_mode) for directory in sockets]

    assert sockets[0] != sockets[1]
    assert modes == [0o700, 0o700]
    assert not any(directory.exists() for directory in sockets)


def test_data_that_was_only_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)

    with servers(tmp_path, durable=False) as found:
        assert both_answer(found)
    assert not (tmp_path / "postgres.new").exists()


def test_settings_are_given_to_a_server_that_starts(home: Path) -> None:
    settings = {"max_connections": "23", "cluster_name": "it's a \\ test"}
    with servers(home, durable=False, postgres_settings=settings) as found:
        answers = [ask(found, f"SHOW {name}") for name in (*settings, "fsync")]

    assert answers == [*settings.values(), "off"]


def test_a_server_that_does_not_start_says_why_and_where_its_log_is(home: Path) -> None:
    with pytest.raises(EmbeddedServerError) as failed:
        hold(home, durable=False, postgres_settings={"shared_buffers": "plenty"})
    said = str(failed.value)

    assert said.startswith("PostgreSQL ended while it started; its log ")
    assert str(home / "postgres.log") in said
    assert 'invalid value for parameter "shared_buffers": "plenty"' in said


def test_a_failed_start_leaves_nothing_running(home: Path) -> None:
    found = addresses(home)
    with pytest.raises(EmbeddedServerError):
        hold(home, durable=False, postgres_settings={"shared_buffers": "plenty"})

    assert neither_answers(found)


def test_a_home_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(EmbeddedServerError, match=r"cannot be used: .*taken"):
        hold(tmp_path / "taken" / "home")
