"""The panes beside the telephones: what happens inside the product, read from its API and its metrics alone."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.demo.world import World
from bot.sandbox.page.scene import Panel, Row

Json = dict[str, Any]
Texts = dict[str, str]

FRESH = 0.3  # seconds for which all panes of all browsers share what was read
WITHIN = 2.0  # seconds
SAMPLE = re.compile(r"^mini_crm_(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Inside:
    """What was read.

    Attributes:
        samples: metrics by name, each with its labels; names without `mini_crm_`.
        last: the newest request with its events; None if there is none.
    """

    samples: dict[str, list[tuple[Texts, float]]] = field(default_factory=dict)
    last: Json | None = None

    def one(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        return sum(value for _, value in self.samples.get(name, ()))


class Panels:
    """Reads and words them; `async with` closes the connection."""

    def __init__(self, world: World, texts: Texts) -> None:
        self._world, self._texts = world, texts
        self._client: aiohttp.ClientSession | None = None
        self._inside: Inside | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    def all(self) -> list[Panel]:
        """The panes in their order."""
        texts = self._texts
        return [
            Panel("product", texts["product"], self._product),
            Panel("ways", texts["ways"], self._ways),
            Panel("operators", texts["operators"], self._operators),
            Panel("decision", texts["decision"], self._decision),
        ]

    async def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            await self._client.close()

    # --- reading ---------------------------------------------------------------------------------------------------

    async def _look(self) -> Inside | None:
        """What is inside now; None while the product does not answer."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if now - self._read_at > FRESH:
                try:
                    self._inside = await self._read()
                except (aiohttp.ClientError, TimeoutError, ValueError):
                    self._inside = None
                self._read_at = asyncio.get_running_loop().time()
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
        async with self._client.get(f"{address}/api/v1/contacts/?limit=1") as answer:
            newest = await answer.json()
        if not newest:
            return Inside(samples)
        async with self._client.get(f"{address}/api/v1/contacts/{newest[0]['id']}") as answer:
            return Inside(samples, await answer.json())

    # --- wording ---------------------------------------------------------------------------------------------------

    async def _product(self) -> Sequence[Row]:
        texts, inside, product = self._texts, await self._look(), self._world.product
        if not product.is_up or inside is None:
            return [Row(texts["process"], texts["process_killed" if not product.is_up else "process_silent"], "bad")]
        state = next((of["state"] for of, value in inside.samples.get("bot_state", ()) if value), "starting")
        away = self._world.is_away
        return [
            Row(texts["process"], texts["process_up"].format(starts=product.starts), "good"),
            Row(texts["bot"], texts.get(f"state_{state}", state), "good" if state == "running" else "bad"),
            Row(texts["telegram"], texts["telegram_away" if away else "telegram_there"], "bad" if away else "good"),
        ]

    async def _ways(self) -> Sequence[Row]:
        texts, inside = self._texts, await self._look()
        if inside is None:
            # What Telegram itself still has for the bot is known, whoever is away.
            return [self._held()]
        verdicts: defaultdict[str, float] = defaultdict(float)
        for of, value in inside.samples.get("deliveries_total", ()):
            verdicts[of["verdict"]] += value
        return [
            self._held(),
            _waiting(texts["inbox"], inside.one("inbox_depth"), inside.one("inbox_oldest_age_seconds"), texts),
            _waiting(texts["outbox"], inside.one("outbox_depth"), inside.one("outbox_oldest_age_seconds"), texts),
            *(
                Row(texts.get(f"verdict_{name}", name), f"{count:.0f}", "" if name == "sent" else "waiting")
                for name, count in sorted(verdicts.items())
            ),
            Row(texts["floods"], f"{inside.one('flood_waits_total'):.0f}"),
            _waiting(texts["queue"], inside.one("queue_length"), inside.one("queue_oldest_age_seconds"), texts),
        ]

    def _held(self) -> Row:
        held = len(self._world.sandbox.world.bot(self._world.bot.id).queue.items)
        return Row(self._texts["held"], str(held), "waiting" if held else "")

    async def _operators(self) -> Sequence[Row]:
        inside = await self._look()
        if inside is None:
            return []
        limits = {of["operator_id"]: value for of, value in inside.samples.get("operator_limit", ())}
        kept = {
            of["operator_id"]: self._texts.get(f"kept_{of['reason']}", of["reason"])
            for of, value in inside.samples.get("operator_kept_out", ())
            if value
        }
        rows = []
        for of, load in inside.samples.get("operator_load", ()):
            limit, why = limits.get(of["operator_id"], 0), kept.get(of["operator_id"])
            amount = self._texts["load"].format(load=f"{load:.0f}", limit=f"{limit:.0f}")
            value = f"{amount} · {why}" if why else amount
            rows.append(Row(of["operator"], value, "waiting" if why else "", min(1.0, load / limit) if limit else 0.0))
        return rows

    async def _decision(self) -> Sequence[Row]:
        texts, inside = self._texts, await self._look()
        if inside is None or inside.last is None:
            return [Row(texts["no_decision"], "")]
        request = inside.last
        drawn = next((one for one in reversed(request["events"]) if one["kind"] == "contact_assigned"), None)
        if drawn is None:
            return [Row(f"#{request['id']} {request['full_name']}", texts["waits"], "waiting")]
        planned = [
            (of["operator"], value)
            for of, value in inside.samples.get("share_planned", ())
            if of["source_id"] == str(request["source_id"])
        ]
        return [
            Row(f"#{request['id']} {request['full_name']}", f"→ {request['operator_name'] or '…'}", "good"),
            Row(texts["why"], texts.get(f"why_{drawn['reason']}", str(drawn["reason"]))),
            *(Row(name, f"{share:.0%}", "", share) for name, share in planned),
        ]


def _waiting(label: str, count: float, age: float, texts: Texts) -> Row:
    if not count:
        return Row(label, "0")
    return Row(label, texts["waiting_for"].format(count=f"{count:.0f}", age=f"{age:.0f}"), "waiting")


def _samples(text: str) -> dict[str, list[tuple[Texts, float]]]:
    found: dict[str, list[tuple[Texts, float]]] = {}
    for name, labels, value in SAMPLE.findall(text):
        found.setdefault(name, []).append((dict(LABEL.findall(labels)), float(value)))
    return found
