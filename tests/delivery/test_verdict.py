"""What a failed attempt means, case by case (reliability list, section 2.1)."""

from typing import Any

import pytest
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import SendMessage
from aiohttp import ClientConnectorDNSError, ServerDisconnectedError
from aiohttp.client_reqrep import ConnectionKey
from aiohttp_socks import ProxyConnectionError

from bot.telegram.session import Redirected
from bot.telegram.verdict import (
    DEFAULT_FLOOD_WAIT,
    LONGEST_FLOOD_WAIT,
    FloodWait,
    NotSent,
    OutcomeUnknown,
    Sent,
    TokenRefused,
    Undeliverable,
    Verdict,
    judge,
)

SAY = SendMessage(chat_id=1, text="words")
HOST = ConnectionKey("localhost", 1, False, True, None, None, None)


def network(cause: BaseException) -> TelegramNetworkError:
    error = TelegramNetworkError(SAY, "no network")
    error.__cause__ = cause
    return error


def unreadable(answer: Any) -> ClientDecodeError:
    return ClientDecodeError("Failed to deserialize object", ValueError("?"), answer)


def flood(seconds: Any) -> ClientDecodeError:
    return unreadable({"ok": False, "error_code": 429, "parameters": {"retry_after": seconds}})


@pytest.mark.fault("F27", "F28", "F29", "F32", "F35", "F41", "F126")
@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (network(ClientConnectorDNSError(HOST, OSError(1, "refused"))), NotSent("no_connection")),
        (network(ProxyConnectionError("refused")), NotSent("no_connection")),
        (Redirected(SAY, "HTTP 307"), NotSent("redirected")),
        (network(ServerDisconnectedError()), OutcomeUnknown("no_answer")),
        (network(TimeoutError()), OutcomeUnknown("no_answer")),
        (TelegramRetryAfter(SAY, "wait", retry_after=17), FloodWait(17.0)),
        (TelegramRetryAfter(SAY, "wait", retry_after=10**15), FloodWait(LONGEST_FLOOD_WAIT)),
        (TelegramRetryAfter(SAY, "wait", retry_after=-3), FloodWait(DEFAULT_FLOOD_WAIT)),
        (flood(2.5), FloodWait(2.5)),
        (flood(1e300), FloodWait(LONGEST_FLOOD_WAIT)),
        (flood("soon"), FloodWait(DEFAULT_FLOOD_WAIT)),
        (flood(-1), FloodWait(DEFAULT_FLOOD_WAIT)),
        (TelegramAPIError(SAY, "Too Many Requests: retry after 1"), FloodWait(DEFAULT_FLOOD_WAIT)),
        (unreadable("<html>502 Bad Gateway</html>"), OutcomeUnknown("unreadable_answer")),
        (unreadable({"ok": True, "result": 5}), OutcomeUnknown("unreadable_answer")),
        (TelegramServerError(SAY, "Internal Server Error"), OutcomeUnknown("server_error")),
        (TelegramAPIError(SAY, "something new"), OutcomeUnknown("api_error")),
        (TelegramUnauthorizedError(SAY, "Unauthorized"), TokenRefused()),
        (TelegramNotFound(SAY, "Not Found"), TokenRefused()),
        (TelegramNotFound(SAY, "Not Found: method not found"), Undeliverable("no_such_method")),
        (TelegramConflictError(SAY, "Conflict"), OutcomeUnknown("api_error")),
        (TelegramForbiddenError(SAY, "Forbidden: bot was blocked by the user"), Undeliverable("blocked")),
        (TelegramForbiddenError(SAY, "Forbidden: user is deactivated"), Undeliverable("deactivated")),
        (
            TelegramForbiddenError(SAY, "Forbidden: bot was kicked from the supergroup chat"),
            Undeliverable("not_in_group"),
        ),
        (
            TelegramForbiddenError(SAY, "Forbidden: bot is not a member of the supergroup chat"),
            Undeliverable("not_in_group"),
        ),
        (
            TelegramForbiddenError(SAY, "Forbidden: bot can't initiate conversation with a user"),
            Undeliverable("not_started"),
        ),
        (TelegramBadRequest(SAY, "Bad Request: message is not modified: …"), Sent()),
        (TelegramBadRequest(SAY, "Bad Request: message to edit not found"), Undeliverable("message_gone")),
        (TelegramBadRequest(SAY, "Bad Request: message can't be copied"), Undeliverable("not_copyable")),
        (TelegramBadRequest(SAY, "Bad Request: chat not found"), Undeliverable("chat_not_found")),
        (TelegramBadRequest(SAY, "Bad Request: VOICE_MESSAGES_FORBIDDEN"), Undeliverable("voice_forbidden")),
        (TelegramBadRequest(SAY, "Bad Request: something else"), Undeliverable("bad_request")),
        (TelegramEntityTooLarge(SAY, "Request Entity Too Large"), Undeliverable("too_large")),
        (TelegramMigrateToChat(SAY, "upgraded", migrate_to_chat_id=-100), Undeliverable("migrated")),
        (KeyError("ours"), Undeliverable("internal_KeyError")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_delivery_error_maps_to_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert judge(error) == verdict
