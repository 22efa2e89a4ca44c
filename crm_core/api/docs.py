"""/docs: Swagger UI from our own files. The page loads nothing from other sites, and its policy enforces that.

The page is empty, and public because a browser sends no key with a navigation. What it shows is the schema, which needs
a key as any other call does: if it is refused, the page asks for one and keeps it until it is closed.

The files are those of Swagger UI itself, unmodified: `crm_core/api/swagger_ui/README.md`.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from crm_core.access.scopes import READ
from crm_core.api.access import for_any_key, public
from crm_core.api.call import Needs
from crm_core.api.schema import openapi

FOLDER = Path(__file__).parent / "swagger_ui"
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
SHA256 = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
    "favicon.png": "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837",
}
"""Of the files as they were released; a test compares."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mini-CRM API</title>
<link rel="stylesheet" href="{up}docs/swagger-ui.css">
<link rel="icon" href="{up}docs/favicon.png">
</head>
<body>
<form id="key" hidden>
<p><label>API key <input type="password" size="50" autocomplete="off" required></label> <button>Open</button></p>
<p id="refused" role="alert"></p>
</form>
<div id="swagger-ui" data-schema="{up}openapi.json"></div>
<script src="{up}docs/swagger-ui-bundle.js"></script>
<script src="{up}docs/start.js"></script>
</body>
</html>
"""
START = """\
const place = document.getElementById("swagger-ui"), form = document.getElementById("key");
const asked = form.querySelector("input"), refused = document.getElementById("refused");

function show(key) {
  SwaggerUIBundle({
    url: place.dataset.schema, dom_id: "#swagger-ui", deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: true, tryItOutEnabled: true, validatorUrl: null,
    requestInterceptor: (request) => {
      if (key && !request.headers["X-API-Key"] && !request.headers.Authorization) request.headers["X-API-Key"] = key;
      return request;
    },
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  });
}

async function open(key) {
  const answer = await fetch(place.dataset.schema, { headers: key ? { "X-API-Key": key } : {} });
  form.hidden = answer.ok;
  if (answer.ok) return show(key);
  refused.textContent = key ? (await answer.json()).detail : "";
  asked.focus();
}

form.addEventListener("submit", (event) => { event.preventDefault(); open(asked.value.trim()); });
open("");
"""
# Swagger UI sets inline styles, and its icons are data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[BaseRoute]:
    """The page and its files, which are public, and the schema, which is not."""
    files = [Route(f"/docs/{name}", _file(name)) for name in FILES]
    return [
        Route("/", _home),
        Route("/docs", _page),
        Route("/docs/start.js", _start),
        *files,
        Route("/openapi.json", _schema),
    ]


@public
async def _page(request: Request) -> Response:
    # Addresses are relative, so that the page also works behind a proxy that adds a path prefix.
    up = "../" if request.scope["requested_path"].endswith("/") else ""
    return HTMLResponse(PAGE.replace("{up}", up), headers=HEADERS)


@public
async def _home(request: Request) -> Response:
    return RedirectResponse("docs")  # relative, as in the page


@public
async def _start(request: Request) -> Response:
    return Response(START, media_type="text/javascript", headers=HEADERS)


def _file(name: str) -> Endpoint:
    @public
    async def file(request: Request) -> Response:
        return FileResponse(
            FOLDER / name, media_type=FILES[name], headers={**HEADERS, "Cache-Control": "max-age=86400"}
        )

    return file


@for_any_key
async def _schema(request: Request) -> Response:
    await Needs(READ)(request)  # the key of a form stands in public pages, and shows nothing
    return JSONResponse(openapi(request.app))
