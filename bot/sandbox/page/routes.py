"""The addresses of the page: itself, its files, its events, and what people do on their telephones."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.sandbox.errors import SandboxError
from bot.sandbox.page.drawing import FOLDER, Drawing
from bot.sandbox.page.guard import Guard
from bot.sandbox.page.samples import SAMPLES
from bot.sandbox.page.scene import Phone, Scene
from bot.sandbox.page.stream import Stream
from bot.sandbox.wire import forms
from bot.sandbox.world.content import Content, contact, document, photo, text

STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "hx-sse.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "pattern.svg": "image/svg+xml",
}
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
PATIENCE = 10.0  # seconds for the answer to a pressed button
LARGEST = 20 * 1024 * 1024  # bytes of an upload

Fields = forms.Fields


class Page:
    """The page of a scene; `show` replaces the scene, and every browser that looks at it loads the new one."""

    def __init__(self, scene: Scene) -> None:
        self._over, self._closed = asyncio.Event(), False
        self.drawing = Drawing(scene)
        acts: dict[str, Callable[[Phone, Fields, forms.Uploads], Awaitable[str]]] = {
            "send": self._send,
            "press": self._press,
            "sample": self._sample,
            "react": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "block": self._block,
            "unblock": self._unblock,
        }
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/events", self._events),
                Route("/static/{name}", _static),
                Route("/files/{file_id}", self._file),
                Route("/switches/{key}", self._switch, methods=["POST"]),
                Route("/steps/{number:int}", self._step, methods=["POST"]),
                *(
                    Route(f"/phones/{{key}}/{name}", self._acting(act), methods=["POST"], name=name)
                    for name, act in acts.items()
                ),
            ],
            middleware=[Middleware(Guard), Middleware(GZipMiddleware)],
        )

    def show(self, scene: Scene) -> None:
        """Replaces the scene."""
        self.drawing = Drawing(scene)
        over, self._over = self._over, asyncio.Event()
        over.set()

    def close(self) -> None:
        """Ends the events of all browsers."""
        self._closed = True
        self._over.set()

    # --- what is looked at -----------------------------------------------------------------------------------------

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(self.drawing.page())

    async def _events(self, _: Request) -> Response:
        return StreamingResponse(
            Stream(self.drawing, self._over, lambda: self._closed).events(), media_type="text/event-stream"
        )

    async def _file(self, request: Request) -> Response:
        try:
            found = self.drawing.scene.control.ask("file", file_id=request.path_params["file_id"])
        except SandboxError:
            return Response(status_code=404)
        data = b64decode(found["data"])
        kind = next((kind for start, kind in PICTURES.items() if data.startswith(start)), None)
        # Anything that is no picture is saved, never opened: its content is a stranger's.
        headers = {} if kind else {"content-disposition": "attachment"}
        return Response(data, media_type=kind or "application/octet-stream", headers=headers)

    # --- what is done ----------------------------------------------------------------------------------------------

    def _acting(
        self, act: Callable[[Phone, Fields, forms.Uploads], Awaitable[str]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            phone = self.drawing.scene.phone(request.path_params["key"])
            if phone is None:
                return Response(status_code=404)
            if int(request.headers.get("content-length", LARGEST)) > LARGEST:
                return Response(status_code=413)
            kind = request.headers.get("content-type", "").encode("latin-1")
            fields, uploads = forms.read(kind, await request.body(), b"")
            try:
                return HTMLResponse(await act(phone, fields, uploads))
            except (SandboxError, KeyError, ValueError) as error:
                refused = self.drawing.captions["refused"].format(why=error)
                return HTMLResponse(self.drawing.toast(refused))

        return endpoint

    async def _do(self, action: str, phone: Phone, **arguments: object) -> object:
        scene = self.drawing.scene
        return await scene.control.act(action, person=phone.person, place=scene.bot.id, **arguments)

    async def _send(self, phone: Phone, fields: Fields, uploads: forms.Uploads) -> str:
        words = str(fields.get("text", "")).strip()
        found = uploads.get("file")
        if found is not None and found.data:
            pictured = found.data.startswith(tuple(PICTURES))
            content = (
                photo(found.data, caption=words or None)
                if pictured
                else document(found.data, caption=words or None, name=found.name, mime=found.mime)
            )
        elif words:
            content = text(words)
        else:
            return ""
        return await self._pass_on(phone, content, fields)

    async def _sample(self, phone: Phone, fields: Fields, _: forms.Uploads) -> str:
        kind = fields["kind"]
        number = f"+7 999 000-{phone.person % 10_000:04}"
        content = contact(number, phone.name, user_id=phone.person) if kind == "contact" else SAMPLES[kind]()
        return await self._pass_on(phone, content, fields)

    async def _pass_on(self, phone: Phone, content: Content, fields: Fields) -> str:
        """Sends something, as a reply where one was picked."""
        reply_to = fields.get("reply_to")
        await self._do("send", phone, content=content.wire(), reply_to=int(reply_to) if reply_to else None)
        return ""

    async def _press(self, phone: Phone, fields: Fields, _: forms.Uploads) -> str:
        callback = await self._do("press", phone, data=fields["data"], message_id=int(fields["message"]))
        control = self.drawing.scene.control
        return self.drawing.answer(await control.wait("callback_answer", callback_id=callback, timeout=PATIENCE))

    async def _react(self, phone: Phone, fields: Fields, _: forms.Uploads) -> str:
        await self._do("react", phone, message_id=int(fields["message"]), emoji=fields.get("emoji") or None)
        return ""

    async def _edit(self, phone: Phone, fields: Fields, _: forms.Uploads) -> str:
        content = text(str(fields["text"]).strip()).wire()
        await self._do("edit", phone, message_id=int(fields["message"]), content=content)
        return ""

    async def _delete(self, phone: Phone, fields: Fields, _: forms.Uploads) -> str:
        await self._do("delete", phone, message_id=int(fields["message"]))
        return ""

    async def _block(self, phone: Phone, _: Fields, __: forms.Uploads) -> str:
        await self._do("block", phone)
        return ""

    async def _unblock(self, phone: Phone, _: Fields, __: forms.Uploads) -> str:
        await self._do("unblock", phone)
        await self._do("send", phone, content=text("/start").wire())
        return ""

    async def _switch(self, request: Request) -> Response:
        switch = next((one for one in self.drawing.scene.switches if one.key == request.path_params["key"]), None)
        if switch is None:
            return Response(status_code=404)
        said = await switch.act()
        return HTMLResponse(self.drawing.toast(said) if said else "")

    async def _step(self, request: Request) -> Response:
        steps, number = self.drawing.scene.steps, request.path_params["number"]
        if number >= len(steps):
            return Response(status_code=404)
        await steps[number].act()
        return HTMLResponse("")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return Response(status_code=404)
    return Response((FOLDER / "static" / name).read_bytes(), headers={"content-type": STATIC[name]})
