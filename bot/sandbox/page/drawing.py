"""The page and its parts as HTML."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.sandbox.page.bubbles import ChatView
from bot.sandbox.page.captions import CAPTIONS, Captions
from bot.sandbox.page.scene import Panel, Phone, Scene

Json = dict[str, Any]

FOLDER = Path(__file__).parent
REACTIONS = ("👍", "❤️", "🔥", "👎")
_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Drawing:
    """Draws one scene. The parts of a telephone that change are drawn one by one, each for the element of its name."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.captions: Captions = CAPTIONS[scene.language]

    def _render(self, name: str, **values: Any) -> str:
        return _environment.get_template(name).render(say=self.captions, scene=self.scene, **values)

    def _view(self, phone: Phone) -> Json:
        found: Json = self.scene.control.ask("view", person=phone.person, place=self.scene.bot.id)
        return found

    def page(self) -> str:
        """The whole page."""
        parts = {phone.key: self.parts(phone) for phone in self.scene.phones}
        return self._render("page.html", parts=parts, clock=self.clock(), reactions=REACTIONS)

    def parts(self, phone: Phone) -> dict[str, str]:
        """The parts of a telephone as they are now, by the ids of their elements."""
        view = self._view(phone)
        chat = ChatView(phone.person, self.captions, self.scene.zone, view["time"])
        commands = self.scene.control.ask("commands", person=phone.person, bot=self.scene.bot.id)
        key = phone.key
        asked = view["force_reply"]
        return {
            f"log-{key}": self._render("log.html", bubbles=chat.bubbles(view["messages"]), phone=phone),
            f"status-{key}": self.captions.get(view["acting"] or "bot", self.captions["typing"]),
            f"pin-{key}": self._pinned(chat, view, phone),
            f"menu-{key}": self._render("menu.html", commands=commands),
            f"keyboard-{key}": self._render("keyboard.html", keyboard=view["keyboard"], phone=phone),
            f"gate-{key}": self._render("gate.html", view=view, phone=phone),
            f"asked-{key}": self._render("asked.html", asked=asked, words=self._words(chat, view, asked)),
        }

    def _pinned(self, chat: ChatView, view: Json, phone: Phone) -> str:
        """The message that was pinned last."""
        newest = view["pinned"][-1:]
        found = next((one["message"] for one in view["messages"] if one["message"]["message_id"] in newest), None)
        return self._render("pin.html", pinned=found, words=chat.summary(found) if found else "", phone=phone)

    @staticmethod
    def _words(chat: ChatView, view: Json, asked: Json | None) -> str:
        if asked is None:
            return ""
        found = (one["message"] for one in view["messages"] if one["message"]["message_id"] == asked["message_id"])
        return next((chat.summary(one) for one in found), "")

    def answer(self, answer: Json | None) -> str:
        """What a pressed button is answered with: a toast, an alert, or nothing."""
        if answer is None:
            return self.toast(self.captions["no_answer"])
        return self._render("answer.html", text=answer["text"] or "", alert=bool(answer["show_alert"]))

    def toast(self, text: str) -> str:
        """A few words that go away by themselves."""
        return self._render("answer.html", text=text, alert=False)

    async def panel(self, panel: Panel) -> str:
        """A panel as it is now."""
        return self._render("panel.html", rows=await panel.rows())

    async def steps(self) -> str:
        """The guided tour: what is done, and what is next."""
        done = [await step.is_done() for step in self.scene.steps]
        return self._render("steps.html", done=done, next=done.index(False) if False in done else None)

    def switches(self) -> str:
        """The switches with their states."""
        return self._render("switches.html")

    def clock(self) -> str:
        """The time on the telephones."""
        now = self.scene.control.ask("time")
        return f"{datetime.fromtimestamp(now, self.scene.zone):%H:%M}"
