"""What was read from blocks and unpacked, as much of it as fits; what was not used longest goes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Cache:
    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], T], size: Callable[[T], int]) -> T:
        """Two who ask at once may both read: that costs time, never a wrong answer."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                found: T = known[0]
                return found
        value = read()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (value, size(value))
                self._bytes += self._kept[key][1]
            while self._bytes > self._bytes_max and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return value
