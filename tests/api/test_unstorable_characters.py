"""Characters that a database cannot store, in every text field and query parameter that the schema names: never 500."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from crm_core.api import guard
from crm_core.api.limits import Rate
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.support.clock import MovableClock

pytestmark = pytest.mark.postgres_too

ODD = ["\x00", "a\x00b", "\ud83d", "a\udc00", "\uffff", "\u202e\x85"]


def _texts(schema: Any, model: dict[str, Any]) -> Iterator[str]:
    for name, field in model.get("properties", {}).items():
        if '"string"' in json.dumps(field):
            yield name


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, list[str], list[str], dict[str, Any]]]:
    """Each operation: method, path, its query parameters, the text fields of its body, and an example of that."""
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            queries = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            reference = content.get("schema", {}).get("$ref", "")
            model = schema["components"]["schemas"].get(reference.rpartition("/")[2], {})
            yield method, path, queries, list(_texts(schema, model)), model.get("example", {})


@pytest.mark.further
@pytest.mark.fault("F112")
async def test_unstorable_characters_are_never_an_internal_error(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rate in ("FORM_RATE", "KEY_RATE"):  # more calls at once than any key may make
        monkeypatch.setattr(guard, rate, Rate(per_second=1, burst=10_000))
    await calling().post("/sources/", json={"name": "Form"})
    form = await make_key(db, clock, "form", source_id=1)
    admin = calling(await make_key(db, clock, "admin"))
    visitor = calling(form)
    tried = 0
    for method, path, queries, fields, example in _operations(app.openapi()):
        address = path.replace("{", "").replace("}", "")
        address = "/".join("1" if part.endswith("_id") else part for part in address.split("/"))
        caller = visitor if path.endswith("/forms/") else admin
        for odd in ODD:
            for field in fields:
                body = json.dumps({**example, field: odd}).encode()
                headers = {"Content-Type": "application/json"}
                answer = await caller.request(method, address, content=body, headers=headers)
                assert answer.status_code < 500, (method, path, field, odd)
                if "\x00" in odd or "\ud800" <= odd[-1] <= "\udfff":
                    assert answer.status_code in (404, 422), (method, path, field, odd, answer.status_code)
                tried += 1
            for name in queries:
                answer = await caller.request(method, address, params={name: odd.encode("utf-8", "surrogatepass")})
                assert answer.status_code < 500, (method, path, name, odd)
                tried += 1
    assert tried > 200
