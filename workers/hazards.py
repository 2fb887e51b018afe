"""What the fleet refuses to start with, by the names under which it can be allowed."""

from enum import StrEnum


class Hazard(StrEnum):
    """A state of the servers in which a promise of ours would not hold."""

    SYNCHRONOUS_COMMIT = "synchronous_commit"
    FSYNC = "fsync"
    FULL_PAGE_WRITES = "full_page_writes"
    STANDBY = "standby"
    SUPERUSER = "superuser"
    EVENT_RIGHTS = "event_rights"
    OLDER_SCHEMA = "older_schema"
    NEWER_SCHEMA = "newer_schema"
    EVICTION = "eviction"
    NO_PERSISTENCE = "no_persistence"
