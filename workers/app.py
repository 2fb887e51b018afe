"""The Celery application. Importing it connects to nothing; its first use reads the settings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from store.errors import DomainSetupError
from workers.domains import load_domain
from workers.fleet import addresses
from workers.keepalive import keepalive, kept_alive
from workers.schedule import beat_entries
from workers.settings import Settings, current_settings

if TYPE_CHECKING:  # generic only in its stubs
    from celery.result import AsyncResult


# Deliveries have their own: a receiver that is slow must not take the places of commands where
# somebody has set workers apart for it.
QUEUES = ("commands", "projections", "deliveries", "maintenance")


class FleetApp(Celery):
    """Celery, for which a connection that was just given up is an error of connections."""

    def send_task(self, *args: Any, **options: Any) -> "AsyncResult[Any]":
        """Publish as Celery does; raises kombu's OperationalError when the broker is away."""
        try:
            return super().send_task(*args, **options)
        except AttributeError as error:
            # kombu asks a channel for its connection's address, and there is no connection.
            if "'NoneType' object" not in str(error):
                raise
            raise OperationalError("the connection was given up") from error


app = FleetApp(
    "fleetlog",
    include=[
        "workers.tasks",
        "workers.command_tasks",
        "workers.projected",
        "workers.lifecycle",
    ],
)


def configuration() -> dict[str, Any]:
    """Return our settings of Celery; what is not said here is Celery's default."""
    settings = current_settings()
    load_domain_or_leave()
    return {**broker(settings), **tasks(settings), **workers(settings), **beat(settings)}


def load_domain_or_leave() -> None:
    """Load it; where Celery's command line runs us, what is wrong is told without a traceback."""
    try:
        load_domain()
    except DomainSetupError as error:
        program = Path(sys.argv[0])
        if program.name == "celery" or program.parts[-2:] == ("celery", "__main__.py"):
            raise SystemExit(f"cannot start: {error}") from error
        raise


def broker(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": addresses().broker,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a broker may be gone for longer than a minute
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_seconds,
            # By default lost messages are looked for every 100 seconds.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            # Whoever dies while it looks leaves its lock behind: for five minutes by default.
            "unacked_mutex_expire": 5,
            "health_check_interval": 10,
            # A broker that vanished without a word is given up, also while a caller publishes:
            # three times this at worst. Longer than a worker's blocking wait for messages, 1 s.
            "socket_connect_timeout": 3,
            "socket_timeout": 4,
            "socket_keepalive": True,
            "socket_keepalive_options": keepalive(),
        },
        "result_backend": "workers.results:CommandResults",
        # JSON only: whoever can write to the broker must not be able to send code.
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
    }


def tasks(settings: Settings) -> dict[str, Any]:
    return {
        # A message is acknowledged when its work is done, and its work may be done twice.
        "task_acks_late": True,
        # A worker that dies has its message retried, counted; rejecting alone would loop forever.
        "task_reject_on_worker_lost": True,
        "task_retry_on_worker_lost": True,
        "task_time_limit": settings.task_time_limit_seconds,
        "task_queues": [Queue(name) for name in QUEUES],
        "task_default_queue": "commands",
        "task_create_missing_queues": False,  # a misspelt queue is an error, not a new queue
        "task_routes": {
            "projections.*": {"queue": "projections"},
            "deliveries.deliver": {"queue": "deliveries"},
            "deliveries.tend": {"queue": "maintenance"},
            "rebuilds.*": {"queue": "maintenance"},
            "snapshots.*": {"queue": "maintenance"},
            "commands.relay": {"queue": "maintenance"},
            "dead_letters.*": {"queue": "maintenance"},
        },
        # A submitter does not wait long for a broker: the relay will see to what it accepted.
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.1},
    }


def workers(settings: Settings) -> dict[str, Any]:
    return {
        "worker_consumer": "workers.consumer:Consumer",
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.concurrency,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_send_task_events": True,  # the dashboard lives on them
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def beat(settings: Settings) -> dict[str, Any]:
    return {
        "beat_schedule": beat_entries(),
        "beat_schedule_filename": str(settings.home / "celerybeat-schedule"),
        "beat_max_loop_interval": 1.0,
        "redbeat_redis_url": addresses().redis,
        # A beat that died is followed by another after this; it looks once a second.
        "redbeat_lock_timeout": max(3, round(settings.lock_lease_seconds)),
        "redbeat_redis_options": {
            "socket_timeout": 3,
            "socket_connect_timeout": 3,
            **kept_alive(addresses().redis),
        },
    }


app.add_defaults(configuration)
