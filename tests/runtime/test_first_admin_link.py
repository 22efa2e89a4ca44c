"""The link by which the first admin claims an installation: where it is shown, and for how long it is good."""

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.commands.run import _print_first_link, admin_link_file
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.errors import InvitationInvalid
from crm_core.storage.database import Database
from crm_core.team import invitations
from crm_core.team.accounts import Account
from tests.support.clock import MovableClock

LINK = "https://t.me/shop_bot?start=admin_code"


def app(folder: Path, *, has_admin: bool = False, admin_ids: tuple[int, ...] = (), username: str | None = None) -> Any:
    """What the command needs of an application."""

    async def read(_: object) -> bool:
        return has_admin

    async def first_admin_link() -> str:
        return LINK

    settings = SimpleNamespace(database_url=f"sqlite:///{folder}/crm.db", admin_ids=list(admin_ids))
    supervisor = SimpleNamespace(sessions=[SimpleNamespace(username=username)])
    return SimpleNamespace(
        db=SimpleNamespace(read=read), first_admin_link=first_admin_link, settings=settings, supervisor=supervisor
    )


async def test_link_is_printed_on_a_terminal_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "crm.db.admin-link"
    assert await _print_first_link(app(tmp_path))
    said = capsys.readouterr().out
    assert str(file) in said
    assert "t.me" not in said
    assert file.read_text() == f"{LINK}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert await _print_first_link(app(tmp_path))
    assert LINK in capsys.readouterr().out
    assert await _print_first_link(app(tmp_path, has_admin=True))
    assert (capsys.readouterr().out, file.exists()) == ("", False)


async def test_admins_of_the_setting_are_told_where_to_press_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bot cannot write to them first."""
    assert not await _print_first_link(app(tmp_path, has_admin=True, admin_ids=(7,)))  # Telegram has not answered yet
    assert capsys.readouterr().out == ""
    assert await _print_first_link(app(tmp_path, has_admin=True, admin_ids=(7,), username="shop_bot"))
    assert capsys.readouterr().out == "✓ Admins of ADMIN_IDS: open https://t.me/shop_bot and press Start\n"


async def test_link_follows_no_symbolic_link_and_replaces_a_file_of_others(tmp_path: Path) -> None:
    file, victim = tmp_path / "crm.db.admin-link", tmp_path / "victim"
    victim.write_text("untouched")
    file.symlink_to(victim)
    assert await _print_first_link(app(tmp_path))
    assert victim.read_text() == "untouched"
    assert file.read_text() == f"{LINK}\n"
    assert not file.is_symlink()


async def test_unwritable_folder_is_reported_without_the_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _print_first_link(app(tmp_path / "missing"))
    said = capsys.readouterr().out
    assert "mini-crm invite" in said
    assert "t.me" not in said


def test_link_of_a_servers_database_is_in_the_working_folder() -> None:
    assert admin_link_file("postgresql://user:secret@host/crm") == Path("mini_crm.admin-link")


@pytest.mark.fault("F89")
async def test_first_admins_link_is_good_for_a_day(db: Database, clock: MovableClock) -> None:
    def invite(code: str) -> Any:
        return db.write(invitations.invite, code=code, role="first_admin", actor=SYSTEM, now=clock())

    def join(code: str) -> Any:
        account = Account(7, "Olga", None, "en")
        return db.write(invitations.join, code=code, account=account, bot_id=1, now=clock(), rng=lambda: 0.0)

    await db.write(bots.start, bot_id=1, username="shop_bot", name="Shop", position=0, now=clock())
    await invite("one")
    clock.forward(hours=24, seconds=1)
    with pytest.raises(InvitationInvalid):
        await join("one")
    await invite("two")
    clock.ahead += timedelta(hours=23)
    assert (await join("two")).role == "admin"
