"""Errors as `application/problem+json` (RFC 9457): every error response is made here."""

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from crm_core.api.error_texts import sentence
from crm_core.api.form_texts import code_words, field_words, visitor_language
from crm_core.errors import CrmError
from crm_core.storage.database import DATABASE_UNAVAILABLE

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # after which a caller may try again while the database is unavailable
SAFE = ("GET", "HEAD")  # methods that change nothing
REASONS = {413: "Content Too Large", 422: "Unprocessable Content"}  # as RFC 9110 names them; Python 3.11 does not

REFERRED = (401, 403, 429)  # and all from 500 on: their log line is found by a reference
REFERENCE = "X-Reference"

log = logging.getLogger("api")


def problem(
    status: int,
    detail: str,
    *,
    path: str,
    kind: str,
    errors: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response.

    Args:
        detail: one English sentence for the developer of the calling program.
        path: of the request, as the caller wrote it (`requested_path` in the scope).
        kind: its code, stable, for programs.
        errors: one for each invalid field: `field` and `message`.
        headers: additional headers.
    """
    body: dict[str, Any] = {
        "type": "about:blank",  # RFC 9457, section 4.2.1: the status is the type; `code` is more precise
        "title": REASONS.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        "code": kind,
    }
    if errors is not None:
        body["errors"] = errors
    if status in REFERRED or status >= 500:
        body["reference"] = secrets.token_hex(4)
        headers = {**(headers or {}), REFERENCE: body["reference"]}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(text, status, {**(headers or {})}, MEDIA_TYPE)


def database_unavailable(path: str, *, may_be_done: bool) -> Response:
    """503: the same request may be sent again.

    Args:
        may_be_done: whether it may have been carried out: an answer to a commit can be lost, too.
    """
    what = (
        "this call may have been carried out: repeat it with the same Idempotency-Key, or look before you repeat it"
        if may_be_done
        else "nothing was changed"
    )
    return problem(
        503,
        f"The database is unavailable at the moment; {what}",
        path=path,
        kind="database_away",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def no_such_address(path: str) -> Response:
    """404: no route matches, or its route is closed."""
    return problem(404, "There is nothing at this address; see /docs", path=path, kind="no_such_address")


def render_problems(app: FastAPI) -> None:
    """Makes an application answer every error as a problem."""
    app.add_exception_handler(CrmError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for kind in DATABASE_UNAVAILABLE:
        app.add_exception_handler(kind, _unavailable)


FIELDS = {"limit": "max_leads"}  # where the core's name for a value differs from the API's


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CrmError)
    language = visitor_language(request)
    words = None if language is None else code_words(error.code, language)
    return refusal(error, path=request.scope["requested_path"], words=words)


def refusal(error: CrmError, *, path: str, words: str | None = None) -> Response:
    """The response for an error of the core.

    Args:
        words: what a visitor reads in place of the sentence for developers.
    """
    text = words or sentence(error)
    field = error.fields.get("field") if error.status == 422 else None
    errors = [{"field": FIELDS.get(field, field), "message": text}] if field else None
    return problem(error.status, text, path=path, kind=error.code, errors=errors)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": _field(one["loc"]), "message": _reason(one)} for one in error.errors()]
    names = ", ".join(dict.fromkeys(one["field"] for one in errors))
    detail = f"Invalid: {names}"
    language = visitor_language(request)
    if language is not None:
        fields = [(shown["field"], one["type"]) for shown, one in zip(errors, error.errors(), strict=True)]
        words = field_words(fields, language)
        if words is not None:
            errors = [{**one, "message": text} for one, text in zip(errors, words, strict=True)]
            detail = " ".join(dict.fromkeys(words))
    return problem(422, detail, path=request.scope["requested_path"], kind="invalid", errors=errors)


# What pydantic says in another tone than our own sentences do.
_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this call",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
}


def _field(place: Sequence[Any]) -> str:
    """Where in the request: the field's name; `body` for the whole body."""
    names = [str(one) for one in place if one not in ("body", "query", "path", "header") and not isinstance(one, int)]
    return ".".join(names) or "body"


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"This is not valid JSON: {error['ctx']['error']}"
    reason = _REASONS.get(error["type"])
    if reason is not None:
        return reason.format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    detail = str(error.detail)
    path = request.scope["requested_path"]
    match error.status_code:
        case 404:
            return no_such_address(path)
        case 405:
            allowed = ", ".join(sorted(_methods(request)))
            detail = f"This address supports only {allowed}"
            return problem(405, detail, path=path, kind="method_not_allowed", headers={**headers, "Allow": allowed})
        case status:
            return problem(status, detail, path=path, kind="bad_request", headers=headers)


def _methods(request: Request) -> set[str]:
    """Every method of every route at this path; Starlette names those of the first one alone."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.methods and route.matches(request.scope)[0] != Match.NONE:
            found |= route.methods
    return found | {"HEAD"} if "GET" in found else found  # `Guard` passes it on as a GET


async def _unavailable(request: Request, error: Exception) -> Response:
    path = request.scope["requested_path"]
    return log_database_away(error, database_unavailable(path, may_be_done=request.method not in SAFE))


def log_database_away(error: BaseException, response: Response) -> Response:
    """Logs why a request was answered with 503, under the reference of the response, which is returned."""
    log.error("database away: %s", type(error).__name__, extra={"reference": response.headers[REFERENCE]})
    return response
