"""What happens inside the product of a world, read from its API and its metrics alone."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.demo.world import World

Json = dict[str, Any]
Labels = dict[str, str]

FRESH = 0.3  # seconds for which everything of all browsers shares what was read
WITHIN = 2.0  # seconds
RECENT = 5  # requests of an operator among which the last decision is looked for
SAMPLE = re.compile(r"^mini_crm_(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Inside:
    """What was read.

    Attributes:
        samples: metrics by name, each with its labels; names without `mini_crm_`.
        decided: the request that was decided about last, with its events; None if there is none.
        is_closed: whether any request is closed.
    """

    samples: dict[str, list[tuple[Labels, float]]] = field(default_factory=dict)
    decided: Json | None = None
    is_closed: bool = False

    def each(self, name: str) -> Iterator[tuple[Labels, float]]:
        """A metric: its labels, and its value for them."""
        yield from self.samples.get(name, ())

    def one(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        return sum(value for _, value in self.each(name))

    def state(self, name: str) -> str | None:
        """Which state a metric that is 1 for one of several shows; None if for none."""
        return next((of["state"] for of, value in self.each(name) if value), None)


class Insight:
    """Reads it, no more often than anything can be seen to change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client: aiohttp.ClientSession | None = None
        self._inside: Inside | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._is_closed = False

    async def close(self) -> None:
        """Closes the connection; whoever still looks sees nothing."""
        async with self._reading:
            self._is_closed = True
            if self._client is not None:
                await self._client.close()

    async def look(self) -> Inside | None:
        """What is inside now; None while the product does not answer, and once this is closed."""
        time = asyncio.get_running_loop().time
        async with self._reading:
            if self._is_closed:
                return None
            if time() - self._read_at > FRESH:
                try:
                    self._inside = await self._read()
                except (aiohttp.ClientError, TimeoutError, ValueError):
                    self._inside = None
                self._read_at = time()
            return self._inside

    async def _read(self) -> Inside | None:
        address = self._world.product.address
        if address is None:
            return None
        if self._client is None:
            limit = aiohttp.ClientTimeout(WITHIN)
            self._client = aiohttp.ClientSession(headers={"X-API-Key": self._world.key}, timeout=limit)
        async with self._client.get(f"{address}/metrics") as answer:
            samples = _samples(await answer.text())
        closed = await self._contacts(address, status="closed", limit=1)
        return Inside(samples, await self._decided(address, samples), bool(closed))

    async def _contacts(self, address: str, **search: Any) -> list[Json]:
        """Requests, the newest first."""
        assert self._client is not None
        async with self._client.get(f"{address}/api/v1/contacts/", params=search) as answer:
            found: list[Json] = await answer.json()
        return found

    async def _decided(self, address: str, samples: dict[str, list[tuple[Labels, float]]]) -> Json | None:
        """The newest request, or an older one that has got its operator since."""
        found = await self._contacts(address, limit=1)
        for of, _ in samples.get("operator_load", ()):
            found += await self._contacts(address, operator_id=of["operator_id"], limit=RECENT)
        if not found:
            return None
        last = max(found, key=lambda one: one["assigned_at"] or one["queued_at"] or one["created_at"])
        assert self._client is not None
        async with self._client.get(f"{address}/api/v1/contacts/{last['id']}") as answer:
            decided: Json = await answer.json()
        return decided


def _samples(text: str) -> dict[str, list[tuple[Labels, float]]]:
    found: dict[str, list[tuple[Labels, float]]] = {}
    for name, labels, value in SAMPLE.findall(text):
        found.setdefault(name, []).append((dict(LABEL.findall(labels)), float(value)))
    return found
