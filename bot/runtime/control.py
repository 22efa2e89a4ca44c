"""How commands call a running process whose database can have one writer only (SQLite).

The process writes its address and a key of its own to a file beside the database, which only its owner can read:
whoever can read that file can read the database, too. The file is removed when the process stops.
"""

import getpass
import json
import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from crm_core.storage.probe import sqlite_path

if TYPE_CHECKING:
    from crm_core.access.actors import Actor

MARK = "mcs_"  # prefix of such a key, which is stored nowhere else
TIMEOUT = 30.0  # seconds
HEALTH_TIMEOUT = 3.0
FAILED = (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError)  # no answer, or none of ours
ACTOR_LONGEST = 48  # characters, in `events`


class NotReached(Exception):
    """The running process could not be called."""


class Refusal(Exception):
    """The running process refused; the text is its own."""


def publish_control_address(database_url: str, *, address: str, key: str) -> Path:
    """Writes the file. Returns its path; the caller removes it at the end."""
    path = _path(database_url)
    path.unlink(missing_ok=True)  # of a process that was killed
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as opened:
        json.dump({"address": address, "key": key}, opened)
    return path


def call_public(database_url: str, port: int, path: str) -> Any:
    """Calls a route that needs no key, of the process that is running on a database on this machine.

    Args:
        port: the setting `HTTP_PORT`, for databases without that file (PostgreSQL).

    Raises NotReached, Refusal for a 503 of ours.
    """
    try:
        address, key = f"http://127.0.0.1:{port}", None
        if database_url.startswith("sqlite"):
            address, key = _published(database_url)
        status, said = _request(address, "GET", path, key=key, within=HEALTH_TIMEOUT)
        if status == HTTPStatus.SERVICE_UNAVAILABLE and said.get("code") == "stalled":
            raise Refusal(said["detail"])
        if status != HTTPStatus.OK:
            raise NotReached
        return said
    except FAILED as error:
        raise NotReached from error


def call(database_url: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Calls the API of the process that is running on a database. Returns its answer.

    Raises NotReached, Refusal.
    """
    try:
        address, key = _published(database_url)
        status, said = _request(address, method, path, key=key, within=TIMEOUT, body=body)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise Refusal(str(said.get("detail", status)))
        return said
    except FAILED as error:
        raise NotReached from error


def _published(database_url: str) -> tuple[str, str]:
    """The address and the key that the running process has left in its file."""
    found = json.loads(_path(database_url).read_text())
    return found["address"], found["key"]


def _request(
    address: str, method: str, path: str, *, key: str | None, within: float, body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    """Makes a request, through no proxy that the environment may name, and follows no redirect: it carries a key.

    Returns the status, and the JSON of the answer; {} for an empty one.
    """
    connection = HTTPConnection(urlsplit(address).netloc, timeout=within)
    try:
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def who() -> "Actor":
    """The actor at the terminal, for the audit trail."""
    from crm_core.access.actors import Actor  # it imports SQLAlchemy

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "?"
    return Actor(f"shell:{user}"[:ACTOR_LONGEST])


class ProgressLine:
    """A progress line on the terminal, overwritten in place; nothing if standard error is not a terminal."""

    def __init__(self, what: str, of_what: str) -> None:
        self._what, self._of_what, self._is_seen, self._shown = what, of_what, sys.stderr.isatty(), ""

    def show(self, done: int, total: int) -> None:
        """Shows how many are done, and of how many (0 if unknown)."""
        if self._is_seen:
            part = f" ({100 * done // total}%)" if total else ""
            text = f"{self._what}: {done:,} of {total:,} {self._of_what}{part}"
            click.echo(f"\r{text.ljust(len(self._shown))}", nl=False, err=True)
            self._shown = text

    def end(self) -> None:
        """Ends the line."""
        if self._shown:
            click.echo(err=True)


def _path(database_url: str) -> Path:
    path = sqlite_path(database_url)
    return path.with_name(f"{path.name}.shell")
