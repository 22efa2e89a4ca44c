"""Somebody whose Telegram settings forbid voice messages: whoever sent one learns that it did not arrive, and why."""

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, told
from tests.support.people import RunningApp


@pytest.mark.fault("F207")
@pytest.mark.parametrize("kind", ["voice", "video_note"])
async def test_operator_learns_that_a_client_takes_no_voice_and_text_arrives(crm: RunningApp, kind: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan", forbids_voice=True)
    card = await ask(crm, ivan, anna, "Ivan asks")
    spoken = await anna.replies(card, getattr(kinds, kind)())
    await crm.settled()
    notice = anna.chat(crm.shop)[-1]
    name = {"voice": "voice message", "video_note": "round video"}[kind]
    said = f"🔇 #1: the client's Telegram settings let nobody send them this ({name}). Please write it."
    assert (notice.text, notice.reply_to) == (said, spoken.id)
    await anna.replies(card, "Red ones")
    await ivan.sees("Red ones")
    await crm.settled()
    assert told(anna, "🔇") == 1
    assert not [seen for seen in ivan.chat(crm.shop) if seen.kind == kind]


@pytest.mark.fault("F207")
async def test_operator_who_takes_no_voice_learns_that_a_client_sent_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna", forbids_voice=True), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    await ivan.sends(kinds.voice())
    await crm.settled()
    said = "🔇 #1: your Telegram settings let nobody send you this (voice message), so it did not arrive."
    assert anna.chat(crm.shop)[-1].text == said
    await ivan.says("As text, then")
    await anna.sees("As text, then")
