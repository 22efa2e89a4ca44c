"""Server-sent events: whatever changes on the telephones and in the panels, drawn anew for one browser.

Each event carries a part of the page as it is now, not what happened: a browser that was away has everything after the
first few events, in whatever order they come.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from bot.sandbox.page.drawing import Drawing
from bot.sandbox.page.scene import Phone

QUIET = 15.0  # seconds without a change after which a telephone is looked at anyway
ACTION = 5.0  # seconds that "typing…" is shown
TOGETHER = 0.04  # seconds in which changes are gathered into one event
LOOK = 0.5  # seconds between looks at what stands beside them


class Stream:
    """What one browser is sent."""

    def __init__(self, drawing: Drawing, over: asyncio.Event, is_end: Callable[[], bool]) -> None:
        """
        Args:
            over: set when this scene is replaced by another, or the page ends.
            is_end: whether the page ends, so that no other scene follows.
        """
        self._drawing, self._over, self._is_end = drawing, over, is_end
        self._sent: dict[str, str] = {}
        self._dirty: set[str] = set()
        self._beside: dict[str, str] = {}
        self._woken = asyncio.Event()
        self._number = 0

    async def events(self) -> AsyncIterator[str]:
        """Events in the format of text/event-stream, until the scene is over."""
        scene = self._drawing.scene
        tasks = [asyncio.create_task(self._watch(phone)) for phone in scene.phones]
        tasks += [asyncio.create_task(self._look_beside()), asyncio.create_task(self._end())]
        for task in tasks:
            task.add_done_callback(lambda _: self._woken.set())
        try:
            while not self._over.is_set():
                await self._woken.wait()
                await asyncio.sleep(TOGETHER)
                self._woken.clear()
                for task in tasks:
                    if task.done():
                        task.result()  # raises what it has failed by
                parts = self._changed()
                if parts:
                    yield self._partials(parts)
            if not self._is_end():
                yield _event("over", "")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, phone: Phone) -> None:
        control, place = self._drawing.scene.control, self._drawing.scene.bot.id
        while True:
            self._mark(phone.key)
            view = control.ask("view", person=phone.person, place=place)
            await control.wait(
                "changed",
                person=phone.person,
                place=place,
                after=view["seq"],
                timeout=ACTION if view["acting"] else QUIET,
            )

    async def _look_beside(self) -> None:
        """Reads what stands beside the telephones, which never wait for it."""
        drawing = self._drawing
        while True:
            self._beside = {"clock": drawing.clock(), "switches": drawing.switches(), "steps": await drawing.steps()}
            for panel in drawing.scene.panels:
                self._beside[f"panel-{panel.key}"] = await drawing.panel(panel)
            self._woken.set()
            await asyncio.sleep(LOOK)

    async def _end(self) -> None:
        await self._over.wait()
        self._woken.set()

    def _mark(self, key: str) -> None:
        self._dirty.add(key)
        self._woken.set()

    def _changed(self) -> dict[str, str]:
        dirty, self._dirty = self._dirty, set()
        parts = dict(self._beside)
        for phone in self._drawing.scene.phones:
            if phone.key in dirty:
                parts |= self._drawing.parts(phone)
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent |= changed
        return changed

    def _partials(self, parts: dict[str, str]) -> str:
        html = "".join(
            f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">{html}</hx-partial>' for name, html in parts.items()
        )
        self._number += 1
        return f"id: {self._number}\n{_event('', html)}"


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n" if name else f"{lines}\n"
