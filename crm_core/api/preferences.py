"""Settings that admins change while the program runs, over HTTP."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core import preferences
from crm_core.api.call import Administering
from crm_core.api.fields import Body, Shown, example
from crm_core.api.schema import refusals
from crm_core.preferences import KNOWN, Current, Preference

router = APIRouter(tags=["preferences"])


class PreferenceShown(Shown):
    """A setting: `version` is that of the newest change, 0 if there was none, and is given back with the next one."""

    model_config = example(name="morning_report", value="09:00", default="", version=1)

    name: str
    value: Any
    default: Any
    version: int


class PreferenceChange(Body):
    """Another value, and the version that was seen."""

    model_config = example(value="09:00", version=0)

    value: bool | int | str | list[Any] | dict[str, Any]
    version: int = Field(ge=0, le=2**31 - 1, description="As it was shown: another change since is not overwritten.")


@router.get("/preferences/", response_model=list[PreferenceShown], summary="List preferences")
async def list_preferences(call: Administering) -> Any:
    """`morning_report`: when admins get the daily report, `09:00` in the installation's time zone; empty for never."""
    return await call.db.read(_all)


def _all(s: Session) -> list[dict[str, Any]]:
    return [_shown(one, preferences.current(s, one)) for _, one in sorted(KNOWN.items())]


@router.put(
    "/preferences/{name}",
    response_model=PreferenceShown,
    summary="Change a preference",
    responses=refusals(404, 412),
)
async def change_preference(name: str, body: PreferenceChange, call: Administering) -> Any:
    """Stored with author and time. 412 if somebody has changed it since."""
    preference = preferences.find(name)
    version = await call.db.write(
        preferences.set, preference, body.value, version=body.version, actor=call.actor, now=call.now
    )
    return _shown(preference, Current(body.value, version))


def _shown(preference: Preference[Any], current: Current[Any]) -> dict[str, Any]:
    return {
        "name": preference.name,
        "value": current.value,
        "default": preference.default,
        "version": current.version,
    }
