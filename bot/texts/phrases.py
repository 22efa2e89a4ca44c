"""Short phrases used in several texts: ages, kinds of content, why no operator is eligible."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, assert_never
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from bot.texts.translator import Translator
from crm_core.routing.choose import OTHERS_FIRST, Exclusion, SourceExclusion
from crm_core.routing.returns import ReturnReason


def age(passed: timedelta, _: Translator) -> str:
    """How long something has lasted, in one unit: `now`, `5 min`, `3 h`, `2 d`."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return _("{n} min").format(n=minutes)
    if minutes < 48 * 60:
        return _("{n} h").format(n=minutes // 60)
    return _("{n} d").format(n=minutes // (24 * 60))


def clock_time(at: datetime, *, zone: ZoneInfo, now: datetime, _: Translator) -> str:
    """A moment as a clock shows it: `14:05`; on another day `26 Nov, 18:40`, in Russian `26.11, 18:40`."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    time = f"{local.hour:02}:{local.minute:02}"  # strftime takes ten times as long, and every card has one
    if local.date() == today:
        return time
    day = f"{local:%d.%m}" if _.language == "ru" else f"{local.day} {local:%b}"
    if local.year != today.year:
        day += f"{local:.%Y}" if _.language == "ru" else f"{local: %Y}"
    return f"{day}, {time}"


def lasted(passed: timedelta, _: Translator) -> str:
    """How long something took, in one unit: `under a minute`, `24 min`, `3 h`, `2 d`."""
    return _("under a minute") if passed < timedelta(minutes=1) else age(passed, _)


def duration(seconds: float | None, _: Translator) -> str:
    """A length of time for statistics: `4 s`, `2 min 5 s`, `1 h 3 min`; a dash where there is none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return _("{n} s").format(n=whole)
    if whole < 3600:
        return _("{m} min {s} s").format(m=whole // 60, s=whole % 60)
    return _("{h} h {m} min").format(h=whole // 3600, m=whole % 3600 // 60)


class Assigned(Protocol):
    """What a change has assigned of the queue (`crm_core.routing.queue.Assigned`, which is not for texts to import)."""

    @property
    def count(self) -> int:
        """How many requests."""

    @property
    def goes_on(self) -> bool:
        """Whether more are assigned after it."""


def assigned_note(assigned: Assigned, _: Translator) -> str:
    """How many waiting requests a change has assigned, as a sentence; empty if none."""
    if not assigned.count:
        return ""
    if assigned.goes_on:
        text = _.plural(
            "{n} waiting request has been assigned so far, more follow in a moment.",
            "{n} waiting requests have been assigned so far, more follow in a moment.",
            assigned.count,
        )
    else:
        text = _.plural(
            "{n} waiting request has been assigned.", "{n} waiting requests have been assigned.", assigned.count
        )
    return text.format(n=assigned.count)


def period_name(period: str, _: Translator) -> str:
    """What a period of the statistics (`crm_core.statistics.Period`) is called."""
    return {"today": _("today"), "7d": _("7 days"), "30d": _("30 days"), "all": _("all time")}[period]


def period_words(period: str, _: Translator) -> str:
    """All words by which people may name a period: `7d 7 7 days`."""
    return f"{period} {period.removesuffix('d')} {period_name(period, _)}"


def not_understood(words: Sequence[str], _: Translator) -> str:
    """What of a typed command was not understood, as a sentence; empty if all was."""
    return _("⚠️ I don't understand “{words}”. Please choose below.").format(words=" ".join(words)) if words else ""


def percent(part: float | None, _: Translator) -> str:
    """A share from 0 to 1 in whole per cent, `60%` or in Russian `60 %`, unbroken; a dash where there is none."""
    if part is None:
        return "–"
    space = "\N{NO-BREAK SPACE}" if _.language == "ru" else ""
    return f"{round(part * 100)}{space}%"


def kind_name(kind: str, _: Translator) -> str:
    """The name of a content type of Telegram; an unknown one keeps Telegram's own name."""
    names = {
        "text": _("text"),
        "photo": _("photo"),
        "video": _("video"),
        "voice": _("voice message"),
        "video_note": _("round video"),
        "audio": _("audio"),
        "document": _("file"),
        "animation": _("animation"),
        "sticker": _("sticker"),
        "location": _("location"),
        "venue": _("place"),
        "contact": _("phone contact"),
        "poll": _("poll"),
        "dice": _("dice"),
        "story": _("story"),
        "game": _("game"),
        "invoice": _("invoice"),
        "giveaway": _("giveaway"),
        "giveaway_winners": _("giveaway results"),
        "paid_media": _("paid media"),
        "live_photo": _("live photo"),
        "rich_message": _("rich message"),
        "gift": _("gift"),
        "unique_gift": _("collectible gift"),
        "checklist": _("checklist"),
        "user_shared": _("shared profile"),
        "passport_data": _("Telegram Passport data"),
        "successful_payment": _("payment"),
        "unknown": _("unknown kind"),
    }
    return names.get(kind, kind.replace("_", " "))


def part_of_one(hundredths: int, _: Translator) -> str:
    """A part of one: `0.3`, in Russian `0,3`."""
    return format_decimal(hundredths / 100, format="0.##", locale=_.language)


def signed(value: float, _: Translator) -> str:
    """A number with its sign and one decimal: `+0.7`, `−0.3`, in Russian `+0,7`; nothing is `0`."""
    rounded = round(value, 1)
    return format_decimal(rounded, format="+0.0;−0.0", locale=_.language) if rounded else "0"


def why_returned(why: ReturnReason, _: Translator) -> str:
    """Why a contact went back from its operator to the queue."""
    match why:
        case ReturnReason.OPERATOR_REMOVED:
            return _("no longer an operator")
        case ReturnReason.OPERATOR_REPLACED:
            return _("another account took over")
        case ReturnReason.OPERATOR_UNREACHABLE:
            return _("bot not started or blocked")
        case ReturnReason.DECLINED:
            return _("has declined it")
        case ReturnReason.MISSED:
            return _("did not answer in time")
        case ReturnReason.RETURNED:
            return _("has given it back")
        case ReturnReason.MOVED:
            return _("it was moved to another source")
        case ReturnReason.AWAY:
            return _("was away while the client waited")
        case ReturnReason.OFFER_WITHDRAWN:
            return _("it was only offered to them")
        case ReturnReason.WOKE_AWAY:
            return _("it came back while they were away")
        case ReturnReason.WOKE_ABOVE:
            return _("it came back when they had too many already")
        case never:
            assert_never(never)


def why_nobody(reason: str, _: Translator) -> str:
    """Why a contact waits, from the exclusions of its choice (`full+offline`)."""
    return ", ".join(_why(part, _) for part in reason.split("+"))


def waits_now(reason: str, until: datetime | None, zone: ZoneInfo, _: Translator) -> str:
    """Why a contact waits at this moment, and till when at least, where that is known."""
    why = why_nobody(reason, _)
    if until is None:
        return _("Waits now: {why}").format(why=why)
    return _("Waits now: {why} (the next ones at {time})").format(why=why, time=to_the_second(until, zone))


def to_the_second(at: datetime, zone: ZoneInfo) -> str:
    """A moment of this day as a clock shows it, with its seconds."""
    local = at.astimezone(zone)
    return f"{local.hour:02}:{local.minute:02}:{local.second:02}"


_EXCLUSIONS: dict[str, Exclusion | SourceExclusion] = {one.value: one for one in (*Exclusion, *SourceExclusion)}


def _why(reason: str, _: Translator) -> str:
    if reason == OTHERS_FIRST:
        return _("others were waiting before it")
    why = _EXCLUSIONS.get(reason)
    return reason if why is None else why_excluded(why, _)  # one of another version as it is: better than no message


def why_excluded(why: Exclusion | SourceExclusion, _: Translator) -> str:
    """Why an operator, or nobody at all, can get a contact."""
    match why:
        case Exclusion.NO_WEIGHT:
            return _("weight 0")
        case Exclusion.INACTIVE:
            return _("switched off")
        case Exclusion.UNREACHABLE:
            return _("bot not started or blocked")
        case Exclusion.OFFLINE:
            return _("offline")
        case Exclusion.OFF_SHIFT:
            return _("outside working hours")
        case Exclusion.FULL:
            return _("at the limit")
        case Exclusion.CEILING:
            return _("at the ceiling, snoozed ones included")
        case Exclusion.FULL_HERE:
            return _("at the limit for this source")
        case Exclusion.RATE:
            return _("at the hourly limit")
        case Exclusion.RAMP:
            return _("is only starting, the rest comes minute by minute")
        case Exclusion.NO_SKILL:
            return _("lacks a skill")
        case Exclusion.OWN_REQUEST:
            return _("it is their own request")
        case Exclusion.REFUSED:
            return _("has declined it")
        case Exclusion.RETURNED:
            return _("has given it back")
        case Exclusion.DECLINED:
            return _("has declined it for now")
        case Exclusion.MISSED:
            return _("did not answer in time")
        case SourceExclusion.NO_OPERATORS:
            return _("no operator has a weight there")
        case SourceExclusion.SOURCE_OFF:
            return _("the source is switched off")
        case SourceExclusion.SOURCE_CLOSED:
            return _("outside the source's hours")
        case never:
            assert_never(never)


def lasted_seconds(seconds: int, _: Translator) -> str:
    """A short length: `45 s`, `2 min`, `1 h`; seconds remain only where they do not make whole minutes."""
    if seconds % 60:
        return _("{n} s").format(n=seconds)
    return _("{n} h").format(n=seconds // 3600) if not seconds % 3600 else _("{n} min").format(n=seconds // 60)


def moment(seconds: float, zone: str, _: Translator) -> str:
    """A moment (seconds since 1970) by the clocks of a zone, to the minute."""
    form = "%d.%m.%Y %H:%M" if _.language == "ru" else "%Y-%m-%d %H:%M"
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime(form)


def weekday_and_time(seconds: float, zone: str, _: Translator) -> str:
    """A moment of the next days (seconds since 1970) by the clocks of a zone: `Mon 30 Nov, 9:00`, `пн, 30.11, 9:00`."""
    at = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    form = "EEE, d.MM, H:mm" if _.language == "ru" else "EEE d MMM, H:mm"
    return format_datetime(at, form, locale=_.language)


def why_not_kept(reason: str, _: Translator) -> str:
    """Why there is no backup, from the code of the failure (`crm_core.backups.errors`)."""
    names = {
        "no_space": _("not enough disk space"),
        "no_folder": _("the backup folder is missing"),
        "not_writable": _("the backup folder is not writable"),
        "not_made": _("the backup process ended unexpectedly"),
        "not_readable": _("the database could not be read"),
    }
    return names.get(reason) or _("the log says why: backup_failed, {reason}").format(reason=reason)
