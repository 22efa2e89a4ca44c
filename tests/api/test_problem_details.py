"""Whatever is refused is refused in one shape, and says what would be right."""

import json
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from crm_core.api.error_texts import SENTENCES, sentence
from crm_core.api.limits import BODY_LARGEST
from crm_core.api.problems import REASONS
from crm_core.storage.database import Database
from tests.api.conftest import Calling
from tests.support.source_scan import ERRORS, raised

NEW = "/leads/register_contact/"
CLIENT: dict[str, Any] = {"email": "client@example.com", "source_id": 1}
JSON = {"Content-Type": "application/json"}


def refused(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is, looked at for what each must have."""
    problem: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["type"] == "about:blank"
    assert problem["title"] == (REASONS.get(status) or HTTPStatus(status).phrase)
    assert problem["instance"] == answer.request.url.path
    assert problem["detail"]
    assert problem["code"]
    return problem


def fields(answer: httpx2.Response) -> list[str]:
    """The fields that are not valid, each with a sentence."""
    problem = refused(answer, 422)
    assert all(one["message"] for one in problem["errors"])
    return [one["field"] for one in problem["errors"]]


INVALID: list[tuple[str, Any, list[str]]] = [
    ("/operators/", {}, ["name"]),
    ("/operators/", {"name": "", "is_active": "yes", "max_leads": "0"}, ["name", "is_active", "max_leads"]),
    ("/operators/", {"name": "Anna", "max_leads": -1}, ["max_leads"]),
    ("/operators/", {"name": "Anna", "max_leads": 1.5}, ["max_leads"]),
    ("/operators/", {"name": "Anna", "max_leads": True}, ["max_leads"]),
    ("/operators/", {"name": "Anna", "max_leads": 2**70}, ["max_leads"]),
    ("/operators/", {"name": "Anna", "max_load_limit": "5"}, ["max_load_limit"]),
    ("/operators/", {"name": "Anna", "limit": 5}, ["limit"]),
    ("/operators/", {"name": 5}, ["name"]),
    ("/operators/", {"name": None}, ["name"]),
    ("/operators/", {"name": "a" * 65}, ["name"]),
    ("/operators/", {"name": "An\x00na"}, ["name"]),
    ("/operators/", {"name": "/stats"}, ["name"]),
    ("/operators/", {"name": "\u202eanna"}, ["name"]),
    ("/operators/", [], ["body"]),
    ("/operators/", "Anna", ["body"]),
    ("/operators/", None, ["body"]),
    ("/sources/", {"name": "Site", "description": "a" * 501}, ["description"]),
    ("/sources/", {"name": "Site", "bot_id": 5}, ["bot_id"]),
    ("/sources/1/assign_operator", {}, ["operator_id"]),
    ("/sources/1/assign_operator", {"operator_id": 1, "weight": -1}, ["weight"]),
    ("/sources/1/assign_operator", {"operator_id": 1, "weight": 1001}, ["weight"]),
    ("/sources/1/assign_operator", {"operator_id": 2**63}, ["operator_id"]),
    (f"/sources/{2**63}/assign_operator", {"operator_id": 1}, ["source_id"]),
    ("/sources/one/assign_operator", {"operator_id": 1}, ["source_id"]),
    (NEW, {}, ["email", "source_id"]),
    (NEW, {**CLIENT, "email": "nobody"}, ["email"]),
    (NEW, {**CLIENT, "email": "a\x00@example.com"}, ["email"]),
    (NEW, {**CLIENT, "email": f"{'a' * 250}@example.com"}, ["email"]),
    (NEW, {**CLIENT, "message": "a" * 4097}, ["message"]),
    (NEW, {**CLIENT, "message": "😀" * 2049}, ["message"]),
    (NEW, {**CLIENT, "message": "nul \x00"}, ["message"]),
    (NEW, {**CLIENT, "phone": "call me"}, ["phone"]),
    (NEW, {**CLIENT, "phone": "1" * 41, "full_name": "x" * 201}, ["phone", "full_name"]),
    (NEW, {**CLIENT, "full_name": "two\nlines"}, ["full_name"]),
    ("/api/v1/contacts/", {"source_id": 1}, ["lead_external_id"]),
    ("/api/v1/contacts/", {"source_id": 1, "lead_external_id": 7}, ["lead_external_id"]),
]


@pytest.mark.fault("F74")
async def test_every_invalid_field_is_named(api: httpx2.AsyncClient) -> None:
    for address, body, wrong in INVALID:
        assert fields(await api.post(address, json=body)) == wrong, (address, body)
    assert (await api.get("/operators/")).json() == []


async def test_integer_written_as_float_is_accepted(api: httpx2.AsyncClient) -> None:
    added = await api.post("/operators/", json={"name": "Anna", "max_leads": 3.0})
    assert (added.status_code, added.json()["max_leads"]) == (201, 3)


@pytest.mark.fault("F74")
async def test_page_parameters_out_of_range_are_refused(api: httpx2.AsyncClient) -> None:
    for query, wrong in (
        ("skip=-1", "skip"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("skip=100001", "skip"),
        ("limit=many", "limit"),
        ("offset=5", "offset"),
        ("skip=99999999999999999999", "skip"),
    ):
        for address in ("/operators/", "/leads/"):
            assert fields(await api.get(f"{address}?{query}")) == [wrong]


async def test_lone_surrogate_in_text_is_refused(api: httpx2.AsyncClient) -> None:
    body = json.dumps({"name": "\ud800"})
    assert fields(await api.post("/operators/", content=body, headers=JSON)) == ["name"]
    body = json.dumps({"name": "Anna", "\ud800": 1})
    assert len(fields(await api.post("/operators/", content=body, headers=JSON))) == 1


@pytest.mark.fault("F74")
async def test_invalid_json_or_content_type_is_refused(api: httpx2.AsyncClient) -> None:
    for body in (b"{", b"", b'{"name": "Anna",}', b'{"name": nil}'):
        assert fields(await api.post("/operators/", content=body, headers=JSON)) == ["body"]
    refused(await api.post("/operators/", content=b'{"name": "\xff"}', headers=JSON), 400)
    refused(await api.post("/operators/", content=b"[" * 50_000, headers=JSON), 400)
    number = b'{"name": "Anna", "max_leads": ' + b"9" * 5000 + b"}"
    refused(await api.post("/operators/", content=number, headers=JSON), 400)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        problem = refused(await api.post("/operators/", content=b'{"name": "A"}', headers={"Content-Type": kind}), 415)
        assert "application/json" in problem["detail"]
    named = {"Content-Type": "application/json; charset=utf-8"}
    made = await api.post("/operators/", content=b'{"name": "A"}', headers=named)
    assert made.status_code == 201


@pytest.mark.fault("F74")
async def test_oversized_body_is_refused_without_being_read(api: httpx2.AsyncClient) -> None:
    async def drops() -> Any:
        for _ in range(10_000_000):  # nobody could wait for all of it
            yield b" " * 1024

    refused(await api.post("/operators/", content=b" " * (BODY_LARGEST + 1), headers=JSON), 413)
    refused(await api.post("/operators/", content=drops(), headers=JSON), 413)


async def test_unsupported_method_returns_405_with_allowed_methods(api: httpx2.AsyncClient) -> None:
    for address, allowed in (
        ("/operators/", "GET, HEAD, POST"),
        ("/api/v1/operators", "GET, HEAD, POST"),
        ("/operators/1", "DELETE, GET, HEAD, PATCH"),
        ("/sources/1/assign_operator", "POST"),
        ("/leads/register_contact/", "POST"),
        ("/leads/1/contacts", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
    ):
        for method in ("PUT", "TRACE", "OPTIONS"):
            answer = await api.request(method, address)
            refused(answer, 405)
            assert answer.headers["Allow"] == allowed
    refused(await api.get("/leads/register_contact/"), 405)


async def test_unknown_address_returns_404(api: httpx2.AsyncClient) -> None:
    for address in ("/operator", "/operators/1/x", "/api/v2/operators", "/operators/1//x"):
        refused(await api.get(address), 404)


async def test_head_is_answered_like_get(api: httpx2.AsyncClient) -> None:
    assert (await api.head("/operators/")).headers["X-Total-Count"] == "0"


@pytest.mark.postgres_too
@pytest.mark.fault("F180")
async def test_database_outage_returns_503_with_retry_after(db: Database, calling: Calling) -> None:
    await db.close()
    api = calling()

    async def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT", None, Exception("gone"))

    db.read = db.write = away  # type: ignore[method-assign]
    for answer in (
        await api.get("/operators/"),
        await api.post("/operators/", json={"name": "Anna"}),
        await api.get("/readyz"),
    ):
        assert "nothing was changed" in refused(answer, 503)["detail"]  # not even the keys could be read
        assert int(answer.headers["Retry-After"]) > 0
    assert (await api.get("/healthz")).status_code == 200


@pytest.mark.fault("F180")
async def test_change_whose_commit_is_unknown_is_not_called_undone(db: Database, api: httpx2.AsyncClient) -> None:
    """The commit reached the disk, its answer did not arrive: a repeated call must not be encouraged without a key."""
    write = db.write

    async def commits_and_is_gone(*action: Any, **inputs: Any) -> Any:
        await write(*action, **inputs)
        raise OperationalError("COMMIT", None, Exception("gone"))

    db.write = commits_and_is_gone  # type: ignore[method-assign]
    key = {"Idempotency-Key": "one"}
    for headers in ({}, key):
        problem = refused(await api.post("/operators/", json={"name": f"Anna {len(headers)}"}, headers=headers), 503)
        assert "may have been carried out" in problem["detail"]
        assert "same Idempotency-Key" in problem["detail"]
    db.write = write  # type: ignore[method-assign]
    again = await api.post("/operators/", json={"name": "Anna 1"}, headers=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert len((await api.get("/operators/")).json()) == 2


async def test_internal_error_reveals_no_details(app: FastAPI, calling: Calling) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a secret")

    app.state.context.db.read, read = fails, app.state.context.db.read
    answer = await calling().get("/operators/")
    app.state.context.db.read = read
    refused(answer, 500)
    assert "secret" not in answer.text


def test_every_error_code_has_a_sentence() -> None:
    assert set(SENTENCES) == {kind.code for kind in ERRORS.values()}


def test_error_sentence_can_be_built_from_its_arguments(subtests: pytest.Subtests) -> None:
    for name, given in raised():
        with subtests.test(name, given=given):
            text = sentence(ERRORS[name](**dict.fromkeys(given, "five")))
            assert text[0].isupper() or text.startswith(("five", "“five”"))
            assert not text.endswith(".")
            assert "None" not in text


async def test_refusals_of_values_are_in_one_tone(api: httpx2.AsyncClient) -> None:
    """A sentence of ours behind the field's name; what the validating library says is in another tone."""
    answer = await api.post("/operators/", json={"name": 5, "max_leads": "7", "is_active": 1, "limit": 3})
    said = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert said == {
        "name": "must be a string",
        "max_leads": "must be a whole number",
        "is_active": "must be true or false",
        "limit": "is not a field of this call",
    }
    answer = await api.post("/sources/", json={"description": "a" * 501})
    said = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert said == {"name": "is required", "description": "must have at most 500 characters"}
