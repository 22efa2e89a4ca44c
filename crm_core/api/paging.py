"""Paged lists: `skip` and `limit` as in the first specification, with the total and links to other pages."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

SKIP_LARGEST = 100_000  # beyond that, the database would skip too many rows for one page
LIMIT_LARGEST = 1_000


class Page(BaseModel):
    """Which part of a list; models with filters inherit from it, so that an unknown one is refused."""

    model_config = ConfigDict(extra="forbid")

    skip: Annotated[int, Field(ge=0, le=SKIP_LARGEST, description="How many to skip at the beginning.")] = 0
    limit: Annotated[int, Field(ge=1, le=LIMIT_LARGEST, description="Maximum number to return.")] = 100


def show_place(request: Request, response: Response, page: Page, total: int) -> None:
    """Sets the headers `X-Total-Count` and `Link` (RFC 8288)."""
    response.headers["X-Total-Count"] = str(total)
    filters = page.model_dump(
        exclude={"skip", "limit"}, exclude_none=True, exclude_unset=True, by_alias=True, mode="json"
    )
    last = max(0, (total - 1) // page.limit * page.limit)
    links = []
    for name, skip in (
        ("first", 0),
        ("prev", max(0, page.skip - page.limit) if page.skip else None),
        ("next", page.skip + page.limit if page.skip + page.limit < total else None),
        ("last", last),
    ):
        if skip is not None and skip <= SKIP_LARGEST:
            query = urlencode({**filters, "skip": skip, "limit": page.limit}, doseq=True)
            links.append(f'<{request.url.path}?{query}>; rel="{name}"')
    response.headers["Link"] = ", ".join(links)
