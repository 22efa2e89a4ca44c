"""answerCallbackQuery."""

from bot.sandbox.errors import bad_request
from bot.sandbox.markup.entities import utf16_length
from bot.sandbox.methods.call import Call, method
from bot.sandbox.world.transcript import CALLBACK_ANSWER, Entry

MAX_ANSWER = 200  # characters; https://core.telegram.org/bots/api#answercallbackquery
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@method("answerCallbackQuery")
def answer_callback(call: Call) -> bool:
    """https://core.telegram.org/bots/api#answercallbackquery: once, and in time."""
    world = call.world
    callback = world.callbacks.get(call.text("callback_query_id") or "")
    if callback is None or callback.bot_id != call.bot.id or callback.answer is not None:
        raise bad_request(TOO_OLD)
    if world.now() - callback.time > world.callback_life:
        raise bad_request(TOO_OLD)
    text = call.text("text")
    if text is not None and utf16_length(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    callback.answer = {"text": text, "show_alert": call.flag("show_alert"), "url": call.text("url")}
    world.transcript.add(
        Entry(
            world.now(),
            CALLBACK_ANSWER,
            call.bot.id,
            callback.chat_id,
            "callback_answer",
            {"text": text or ""},
            None,
            call.request_id,
            {"callback": callback.id, "person": callback.person_id, **callback.answer},
        )
    )
    for future in callback.waiting:
        if not future.done():
            future.set_result(None)
    return True
