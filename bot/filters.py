"""Who writes, as filters for routers. They only pick the handlers: rights are asked at the effect."""

from aiogram.filters import BaseFilter
from aiogram.types import TelegramObject

from crm_core.staff import Member


class IsOperator(BaseFilter):
    """Passes operators."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is not None and member.operator_id is not None


class IsAdmin(BaseFilter):
    """Passes admins."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is not None and member.is_admin


class IsClient(BaseFilter):
    """Passes everybody who is not on the staff."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is None
