"""The panes beside the telephones: what happens inside the product, in words."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from bot.demo.inside import Inside, Insight
from bot.demo.world import World
from bot.sandbox.page.scene import Panel, Row

Texts = dict[str, str]

DECISIONS = ("contact_assigned", "contact_queued")
UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
CIRCUIT_TONES = {"closed": "good", "open": "bad", "trial": "waiting"}


class Panels:
    """Words what `Insight` reads."""

    def __init__(self, world: World, insight: Insight, texts: Texts) -> None:
        self._world, self._insight, self._texts = world, insight, texts

    def all(self) -> list[Panel]:
        """The panes in their order."""
        shown = {
            "product": self._product,
            "ways": self._ways,
            "since": self._since,
            "operators": self._operators,
            "decision": self._decision,
        }
        return [Panel(key, self._texts[key], rows) for key, rows in shown.items()]

    async def _product(self) -> Sequence[Row]:
        """Process, bot, and what keeps it from sending."""
        texts, inside, product = self._texts, await self._insight.look(), self._world.product
        if not product.is_up or inside is None:
            return [Row(texts["process"], texts["process_killed" if not product.is_up else "process_silent"], "bad")]
        state, circuit = inside.state("bot_state") or "starting", inside.state("circuit_state")
        return [
            Row(texts["process"], texts["process_up"].format(starts=product.starts), "good"),
            Row(texts["bot"], texts.get(f"state_{state}", state), "good" if state == "running" else "bad"),
            self._circuit(circuit),
            self._gates(inside),
        ]

    def _circuit(self, state: str | None) -> Row:
        # The product learns that the way is cut when it sends something; whoever has cut it knows before.
        if self._world.is_away and state in (None, "closed"):
            return Row(self._texts["circuit"], self._texts["circuit_cut"], "waiting")
        return Row(self._texts["circuit"], self._texts[f"circuit_{state}"], CIRCUIT_TONES.get(state or "", ""))

    def _gates(self, inside: Inside) -> Row:
        texts = self._texts
        shut = [texts[f"gates_{of['scope']}"].format(count=f"{n:.0f}") for of, n in inside.each("gates_shut") if n]
        if not shut:
            return Row(texts["gates"], texts["gates_open"], "good")
        left = texts["gates_left"].format(seconds=f"{inside.one('gates_shut_seconds'):.0f}")
        return Row(texts["gates"], f"{', '.join(shut)} · {left}", "waiting")

    async def _ways(self) -> Sequence[Row]:
        """What waits on its way in and out."""
        inside = await self._insight.look()
        if inside is None:
            # What Telegram itself still has for the bot is known, whoever is away.
            return [self._held()]
        return [
            self._held(),
            self._waiting("inbox", inside.one("inbox_depth"), inside.one("inbox_oldest_age_seconds")),
            self._waiting("outbox", inside.one("outbox_depth"), inside.one("outbox_oldest_age_seconds")),
            self._waiting("queue", inside.one("queue_length"), inside.one("queue_oldest_age_seconds")),
        ]

    async def _since(self) -> Sequence[Row]:
        """The verdicts on what was sent. They are counters of the process, which begin anew with it."""
        texts, inside = self._texts, await self._insight.look()
        if inside is None:
            return []
        verdicts: defaultdict[str, float] = defaultdict(float)
        for of, value in inside.each("deliveries_total"):
            verdicts[of["verdict"]] += value
        return [
            *(
                Row(texts.get(f"verdict_{name}", name), f"{count:.0f}", "" if name == "sent" else "waiting")
                for name, count in sorted(verdicts.items())
            ),
            Row(texts["floods"], f"{inside.one('flood_waits_total'):.0f}"),
        ]

    def _held(self) -> Row:
        held = len(self._world.sandbox.world.bot(self._world.bot.id).queue.items)
        return Row(self._texts["held"], str(held), "waiting" if held else "")

    def _waiting(self, key: str, count: float, age: float) -> Row:
        label = self._texts[key]
        if not count:
            return Row(label, "0")
        return Row(label, self._texts["waiting_for"].format(count=f"{count:.0f}", age=self._age(age)), "waiting")

    def _age(self, seconds: float) -> str:
        """An age in the unit in which it is read at a glance."""
        unit, name = next((unit, name) for unit, name in UNITS if seconds >= 2 * unit or unit == 1)
        return self._texts[name].format(count=f"{seconds // unit:.0f}")

    async def _operators(self) -> Sequence[Row]:
        """Their loads, and what keeps them from getting more."""
        inside = await self._insight.look()
        if inside is None:
            return []
        limits = {of["operator_id"]: value for of, value in inside.each("operator_limit")}
        kept = {of["operator_id"]: self._excluded(of["reason"]) for of, _ in inside.each("operator_kept_out")}
        rows = []
        for of, load in inside.each("operator_load"):
            limit, why = limits.get(of["operator_id"], 0), kept.get(of["operator_id"])
            amount = self._texts["load"].format(load=f"{load:.0f}", limit=f"{limit:.0f}")
            value = f"{amount} · {why}" if why else amount
            rows.append(Row(of["operator"], value, "waiting" if why else "", min(1.0, load / limit) if limit else 0.0))
        return rows

    def _excluded(self, reason: str) -> str:
        """What excludes operators, by its name in the product; several are joined by a plus sign."""
        return ", ".join(self._texts.get(f"kept_{one}", one) for one in reason.split("+"))

    async def _decision(self) -> Sequence[Row]:
        """Who got the request that was decided about last, and why."""
        texts, inside = self._texts, await self._insight.look()
        if inside is None:
            return []
        if inside.decided is None:
            return [Row(texts["no_decision"], "")]
        request = inside.decided
        label = f"#{request['id']} {request['full_name']}"
        last = next((one for one in reversed(request["events"]) if one["kind"] in DECISIONS), None)
        if last is None or last["kind"] == "contact_queued":
            why = self._excluded(last["reason"] or "full") if last else ""
            return [Row(label, texts["waits"], "waiting"), Row(texts["why"], why)]
        return [
            Row(label, f"→ {request['operator_name'] or '…'}", "good"),
            Row(texts["why"], texts.get(f"why_{last['reason']}", str(last["reason"]))),
            *self._shares(inside, str(request["source_id"])),
        ]

    def _shares(self, inside: Inside, source_id: str) -> Iterator[Row]:
        """Each operator's share of a source: by weight, and of what it has brought so far."""
        so_far = {of["operator_id"]: part for of, part in inside.each("share_actual") if of["source_id"] == source_id}
        for of, planned in inside.each("share_planned"):
            if of["source_id"] == source_id:
                part = self._percent(planned), self._percent(so_far.get(of["operator_id"], 0.0))
                value = self._texts["share"].format(planned=part[0], so_far=part[1])
                yield Row(of["operator"], value, "", planned)

    def _percent(self, part: float) -> str:
        return self._texts["percent"].format(count=round(part * 100))
