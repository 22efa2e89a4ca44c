"""The schema at /openapi.json: what FastAPI generates, plus what it cannot know: keys, error responses, headers."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from crm_core.access.scopes import ADMIN, FORM, READ, WRITE
from crm_core.api.call import scope_of
from crm_core.api.problems import MEDIA_TYPE, REASONS

DESCRIPTION = """\
Contacts are registered, assigned by the weights of their source and the limits of operators, and handled over this API
or in Telegram. How everything is meant, and how keys are made, is in the page `docs/api.md` that comes with Mini-CRM.

**Keys.** `mini-crm api-key create NAME --scope read|write|admin` prints one; send it as `Authorization: Bearer …` or
`X-API-Key: …`. Until the first key is created, calls from the same machine need none.
"""

WHAT = {
    400: "The request is malformed.",
    401: "The key is missing, unknown, expired or revoked.",
    403: "The key does not have the required scope.",
    404: "It does not exist.",
    408: "The body did not arrive in time.",
    409: "It is not possible in the current state; `code` says why.",
    412: "It has changed since it was read (`If-Match`).",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Values are invalid; `errors` lists the fields.",
    428: "`If-Match` is required.",
    429: "Too many requests with this key, or from this address without one; `Retry-After` says when to continue.",
    500: "An internal error occurred and has been logged.",
    503: "The database is unavailable; `Retry-After` says when to try again.",
}
ALWAYS = (401, 403, 422, 429, 503)
WITH_BODY = (400, 413, 415)
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

PROBLEM = {
    "title": "Problem",
    "description": "An error (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
        "instance": {"type": "string", "description": "The path of the request."},
        "code": {"type": "string", "description": "What is wrong, for programs."},
        "reference": {
            "type": "string",
            "description": "With 401, 403, 429 and from 500 on: where to find it in the log.",
        },
        "errors": {
            "type": "array",
            "description": "With 422: the invalid fields.",
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
            "X-Total-Count": {"description": "Total number of results.", "schema": {"type": "integer"}},
            "Link": {
                "description": "Links to other pages: first, prev, next, last (RFC 8288).",
                "schema": {"type": "string"},
            },
        }
    }
}
"""The additional headers of every list."""

SEARCHED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            **TOTAL[200]["headers"],
            "X-Incomplete-Results": {
                "description": "`true` if so many match that not all of them were looked at.",
                "schema": {"type": "string"},
            },
        }
    }
}
"""The additional headers of a list that is searched."""

TAGGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {"description": "Identifies this state, for `If-Match`.", "schema": {"type": "string"}},
        }
    }
}
"""The additional header of a response with a tag."""

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A unique name of this call. If the same call is repeated within 24 hours, it is not executed "
    "again and gets the first response.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

CHANGES_NOTHING = ("/replay",)
"""Calls with a body that only ask: there is nothing about them that could happen twice."""

TAGS = [
    {"name": "operators", "description": "Who handles contacts, and how many at once."},
    {"name": "sources", "description": "Where contacts come from, and how each source distributes them."},
    {"name": "leads", "description": "People who sent requests."},
    {"name": "contacts", "description": "Requests of leads, each held by an operator or waiting for one."},
    {"name": "statistics", "description": "Load, planned and actual shares, response times."},
    {"name": "preferences", "description": "Settings that hold at once."},
    {"name": "keys", "description": "API keys."},
    {"name": "health", "description": "Health checks, which need no key, and metrics, which need one."},
    {"name": "first document", "description": "The same operations without a prefix, as in the first specification."},
]

KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key from `mini-crm api-key create`."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key in its own header.",
    },
}
SCOPES = {
    READ: "any key",
    WRITE: "scope `write` or `admin`",
    ADMIN: "scope `admin`",
    FORM: "scope `form`",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of an operation, besides those that all operations share."""
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
    """The schema, generated by the first call."""
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
                    if method == "POST" and not route.path.endswith(CHANGES_NOTHING):
                        _add_idempotency_key(operation)
        app.openapi_schema = found
    return app.openapi_schema


def _add_idempotency_key(operation: dict[str, Any]) -> None:
    """Adds the header `Idempotency-Key`, and its error response, to a POST."""
    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    still_running = {**_refusal(409), "headers": RETRY_AFTER}
    operation["responses"] = dict(sorted({**operation["responses"], "409": still_running}.items()))


def _complete(operation: dict[str, Any], scope: str | None) -> None:
    """Adds to an operation the key that it needs and the error responses that all operations share."""
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
