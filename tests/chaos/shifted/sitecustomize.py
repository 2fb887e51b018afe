"""
The wall clock as Python tells it, shifted: imported at start by every process that finds it.

`SHIFTED_CLOCK` names a file of eight bytes, the seconds to add as a double; it is mapped, so a
jump is seen at once by all who are running, children included. The monotonic clock goes on as
ever, as it does when somebody sets the clock of a machine. `datetime` is changed in place: a class
of our own would be a stranger to all that is written in C.
"""

import ctypes
import gc
import mmap
import os
import struct
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

with Path(os.environ["SHIFTED_CLOCK"]).open("rb") as _file:
    _shift = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)

_time, _time_ns, _now, _utcnow = time.time, time.time_ns, datetime.now, datetime.utcnow


def seconds() -> float:
    (found,) = struct.unpack_from("d", _shift)
    return float(found)


def shifted_time() -> float:
    return _time() + seconds()


def shifted_time_ns() -> int:
    return _time_ns() + int(seconds() * 1_000_000_000)


def shifted_now(_: type, tz: tzinfo | None = None) -> datetime:
    return _now(tz) + timedelta(seconds=seconds())


def shifted_utcnow(_: type) -> datetime:
    return _utcnow() + timedelta(seconds=seconds())


time.time, time.time_ns = shifted_time, shifted_time_ns
(_members,) = (found for found in gc.get_referents(datetime.__dict__) if isinstance(found, dict))
_members.update(now=classmethod(shifted_now), utcnow=classmethod(shifted_utcnow))
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
