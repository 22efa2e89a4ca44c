"""The schema at /openapi.json: what FastAPI finds, with what it cannot know: keys, refusals, headers."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from crm_core.access.scopes import ADMIN, FORM, READ, WRITE
from crm_core.api.call import scope_of
from crm_core.api.problems import MEDIA_TYPE, REASONS

DESCRIPTION = """\
Contacts come in, are given out by the weights of their source and the limits of operators, and are worked on here or
in Telegram. Everything is also described in `docs/api.md`.

**Keys.** `mini-crm api-key create NAME --scope read|write|admin` prints one; send it as `Authorization: Bearer …` or
`X-API-Key: …`. While there was never a key, this machine needs none.
"""

WHAT = {
    400: "The request cannot be read.",
    401: "There is no key, or it is unknown, expired or revoked.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "It cannot be done as things are; `code` says why.",
    412: "It has changed since it was read (`If-Match`).",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value is not valid; `errors` names each.",
    428: "`If-Match` is needed.",
    429: "Too many requests with this key; `Retry-After` says when to go on.",
    500: "Something went wrong here; it has been logged.",
    503: "The database cannot be reached at the moment; `Retry-After` says when to try again.",
}
ALWAYS = (401, 403, 422, 429, 503)
WITH_BODY = (400, 413, 415)
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

PROBLEM = {
    "title": "Problem",
    "description": "A refusal (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, in a sentence."},
        "instance": {"type": "string", "description": "The path of the request."},
        "code": {"type": "string", "description": "What was wrong, for programs."},
        "errors": {
            "type": "array",
            "description": "With 422: each field that is not valid.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "example": {
        "type": "about:blank", "title": "Not Found", "status": 404, "detail": "Source not found",
        "instance": "/api/v1/sources/7", "code": "source_not_found",
    },
}  # fmt: skip

TOTAL: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "X-Total-Count": {"description": "How many there are in all.", "schema": {"type": "integer"}},
            "Link": {
                "description": "The other pages: first, prev, next, last (RFC 8288).",
                "schema": {"type": "string"},
            },
        }
    }
}
"""What every list says besides."""

TAGGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {"description": "The state that this is, for `If-Match`.", "schema": {"type": "string"}},
        }
    }
}
"""What an answer with a tag says besides."""

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name for this call. If it comes again within 24 hours, with the same body, nothing is done, and "
    "the first answer is given once more.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

TAGS = [
    {"name": "operators", "description": "Who handles contacts, and how many at once."},
    {"name": "sources", "description": "Where contacts come from, and how each source shares them out."},
    {"name": "leads", "description": "People who wrote."},
    {"name": "contacts", "description": "Their requests."},
    {"name": "statistics", "description": "Load, shares planned and actual, how long things take."},
    {"name": "keys", "description": "Who may call."},
    {"name": "health", "description": "Whether all is well; needs no key."},
    {"name": "first document", "description": "The same at the root, as the first founding document has it."},
]

KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `mini-crm api-key create`."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same in a header of its own.",
    },
}
SCOPES = {
    READ: "any key",
    WRITE: "scope `write` or `admin`",
    ADMIN: "scope `admin`",
    FORM: "scope `form`",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, besides those that every one can meet."""
    return {status: _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": f"{REASONS.get(status) or HTTPStatus(status).phrase}: {WHAT[status]}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        found["headers"] = RETRY_AFTER
    return found


def openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, made at the first call."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS)
        components = found.setdefault("components", {})
        components["securitySchemes"] = KEYS
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for route in app.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in route.methods or ():
                    operation = found["paths"][route.path_format][method.lower()]
                    _complete(operation, scope_of(route))
                    if method == "POST":
                        _may_be_repeated(operation)
        app.openapi_schema = found
    return app.openapi_schema


def _may_be_repeated(operation: dict[str, Any]) -> None:
    """Says of a POST that it takes a name by which it is known if it is sent again."""
    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    still_running = {**_refusal(409), "headers": RETRY_AFTER}
    operation["responses"] = dict(sorted({**operation["responses"], "409": still_running}.items()))


def _complete(operation: dict[str, Any], scope: str | None) -> None:
    """Says of an operation which key it needs, and what every one of its kind may answer."""
    answers = operation["responses"]
    statuses: tuple[int, ...] = (503,) if scope is None else ALWAYS
    if "requestBody" in operation:
        statuses += WITH_BODY
    if scope is not None:
        operation["security"] = [{"bearer": []}, {"header": []}]
        needs = f"Needs {SCOPES[scope]}."
        operation["description"] = f"{operation.get('description', '')}\n\n{needs}".strip()
    for status in statuses:
        answers[str(status)] = _refusal(status)
    operation["responses"] = dict(sorted(answers.items()))
