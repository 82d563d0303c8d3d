"""How often somebody may ask: a bucket for each, which empties by a request and fills with time.

The buckets are in the memory of one process: of several, each allows as much.
"""

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.contract.errors import RateLimited

MOST_BUCKETS = 10_000
"""Of more, the longest unused is forgotten; it would begin full again."""


@dataclass(frozen=True)
class RateLimit:
    """A bucket after a request: of size ``burst``, filled with ``per_second``."""

    policy: str
    burst: int
    per_second: float
    left: float
    allowed: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """As in draft-ietf-httpapi-ratelimit-headers-10."""
        window = math.ceil(self.burst / self.per_second)
        full_in = math.ceil((self.burst - self.left) / self.per_second)
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.burst};w={window}',
            "RateLimit": f'"{self.policy}";r={math.floor(self.left)};t={full_in}',
        }

    def check(self, who: str) -> None:
        """Raises RateLimited, with the time until the next request is allowed."""
        if not self.allowed:
            wait = max(1, math.ceil((1 - self.left) / self.per_second))
            message = f"{who} has made too many requests: wait for {wait} s."
            raise RateLimited(message, {**self.headers, "Retry-After": str(wait)})


class Buckets:
    """For each name one of ``burst`` requests, filled with ``per_minute`` a minute."""

    def __init__(
        self,
        policy: str,
        per_minute: int,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_BUCKETS,
    ):
        self._policy, self._burst, self._per_second = policy, burst, per_minute / 60
        self._clock, self._most = clock, most
        self._buckets: dict[str, tuple[float, float]] = {}
        self._changed = threading.Lock()

    def take(self, name: str) -> RateLimit:
        """Take one request, if there is one."""
        with self._changed:
            left = self._left(name)
            allowed = left >= 1
            left -= allowed
            self._buckets.pop(name, None)  # to be added at the end
            self._buckets[name] = (left, self._clock())
            if len(self._buckets) > self._most:
                del self._buckets[next(iter(self._buckets))]
        return RateLimit(self._policy, self._burst, self._per_second, left, allowed)

    def look(self, name: str) -> RateLimit:
        """Whether there is one, without taking it."""
        with self._changed:
            left = self._left(name)
        return RateLimit(self._policy, self._burst, self._per_second, left, left >= 1)

    def _left(self, name: str) -> float:
        moment = self._clock()
        left, at = self._buckets.get(name, (self._burst, moment))
        return min(self._burst, left + (moment - at) * self._per_second)


def network_of(address: str | None) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one customer has all of it."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
