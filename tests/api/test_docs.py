"""/docs and the schema: whole, true, and at home with no internet."""

import json
import re
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from crm_core.api.app import FIRST_DOCUMENT, PREFIX
from crm_core.api.docs import FILES, FOLDER, SHA256
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock

NAMING = {("POST", "/leads/register_contact/"), ("POST", "/contacts/"), ("POST", "/keys/"), ("POST", "/replay")}
"""Operations that name a source in what they send."""


async def _schema(api: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/openapi.json")
    assert answer.status_code == 200
    schema: dict[str, Any] = answer.json()
    return schema


def _operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method.upper(), path, one) for path, item in schema["paths"].items() for method, one in item.items()]


async def test_docs_page_loads_no_external_resources(api: httpx2.AsyncClient) -> None:
    for address in ("/docs", "/docs/"):
        page = await api.get(address)
        assert page.status_code == 200
        referred = re.findall(r'(?:src|href|data-schema)="([^"]+)"', page.text)
        found = {str(page.request.url.join(one).path) for one in referred}
        assert found == {"/openapi.json", "/docs/start.js", *(f"/docs/{name}" for name in FILES)}
        for one in found:
            assert (await api.get(one)).status_code == 200
    # The browser refuses requests of scripts to other sites.
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy
    start = (await api.get("/docs/start.js")).text
    assert "http" not in start
    assert "validatorUrl: null" in start


@pytest.mark.fault("F107")
def test_vendored_files_are_as_they_were_released_and_carry_their_licence() -> None:
    assert {name: sha256((FOLDER / name).read_bytes()).hexdigest() for name in FILES} == SHA256
    assert "Apache License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert {"NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} <= {one.name for one in FOLDER.iterdir()}


async def test_page_is_public_and_the_schema_needs_a_key_that_reads(
    calling: Calling, api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    source = (await api.post("/sources/", json={"name": "Site"})).json()
    far: dict[str, Any] = {"client": ("203.0.113.7", 5), "host": "crm.example"}
    refused(await calling(**far).get("/openapi.json"), 403)
    key = await make_key(db, clock, "read")
    form = await make_key(db, clock, "form", source_id=source["id"])
    for address in ("/docs", "/docs/", "/healthz", "/readyz"):
        assert (await calling(**far).get(address)).status_code == 200
    for address in ("/openapi.json", "/openapi.json/"):
        refused(await calling(**far).get(address), 401)
        assert (await calling(key, **far).get(address)).status_code == 200
    refused(await calling(form, **far).get("/openapi.json"), 403)
    refused(await calling(**far).get("/redoc"), 401)  # there is none


async def test_schema_lists_every_route_once(app: FastAPI, api: httpx2.AsyncClient) -> None:
    schema = await _schema(api)
    shown = {(method, path) for method, path, _ in _operations(schema)}
    routes = {
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    }
    assert shown <= routes
    for_commands = {("POST", f"{PREFIX}/invitations/")}  # of our own command line
    assert {(method, path) for method, path in routes if path.startswith(PREFIX)} - for_commands <= shown
    at_root = {(method, path) for method, path in shown if not path.startswith(PREFIX)}
    assert at_root - FIRST_DOCUMENT <= {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
    assert all((method, PREFIX + path) in shown for method, path in at_root & FIRST_DOCUMENT)
    ids = [one["operationId"] for _, _, one in _operations(schema)]
    assert len(ids) == len(set(ids))


async def test_schema_describes_every_operation_and_its_error_responses(api: httpx2.AsyncClient) -> None:
    schema = await _schema(api)
    tags = {one["name"] for one in schema["tags"]}
    for method, path, one in _operations(schema):
        assert one["summary"], path
        assert one["description"], path
        assert set(one["tags"]) <= tags
        refusals = {status: answer for status, answer in one["responses"].items() if status >= "400"}
        is_public = path in ("/healthz", "/readyz")
        assert set(refusals) >= ({"503"} if is_public else {"401", "403", "422", "429", "503"}), (method, path)
        names_something = "{" in path or (method, path.removeprefix(PREFIX)) in NAMING
        assert ("404" in refusals) == names_something, path
        for answer in refusals.values():
            assert answer["description"]
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
        assert ("security" in one) == (not is_public)


async def test_request_examples_are_valid(app: FastAPI, api: httpx2.AsyncClient) -> None:
    seen = 0
    for route in app.routes:
        if isinstance(route, APIRoute) and route.body_field is not None:
            model = route.body_field.field_info.annotation
            example = TypeAdapter(model).json_schema()["example"]
            TypeAdapter(model).validate_json(json.dumps(example))
            seen += 1
    assert seen > 10


@pytest.mark.parametrize("name", ["OperatorShown", "SourceShown", "RegisteredContact", "ContactOfLead", "LeadShown"])
async def test_response_models_have_complete_examples(api: httpx2.AsyncClient, name: str) -> None:
    model = (await _schema(api))["components"]["schemas"][name]
    assert set(model["example"]) == set(model["properties"])


async def test_bare_address_leads_to_the_docs(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/", follow_redirects=True)
    assert (answer.status_code, answer.request.url.path) == (200, "/docs")
