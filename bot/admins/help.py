"""/help for admins."""

from bot.texts import Translator


def help_text(_: Translator) -> str:
    """The admin's part of /help."""
    return "\n".join(
        [
            _(
                "/operators: add operators (each gets an invitation link), set their limits, switch them on or off, "
                "remove them."
            ),
            _("/sources: your bots and links, and the weights of their operators."),
            _("/weights: who gets how much of a source. /give #15 Anna: assign a request manually."),
            _("/transfer #15 Anna …, /transfer #15 to shop_bot …: the same with a note, or to another source."),
            _(
                "/queue: waiting requests. /history #15: what was said in one. /why #15: why it went to its operator. "
                "/stats: statistics."
            ),
            _("/vip #42: the client of that request comes before others in the queue."),
            _("/keywords: what requests require by the words of their first message."),
            _("/forum shop_bot, in a group with topics: all operators read the requests of that source there."),
            _("/report: yesterday in five lines, also every morning: /report on 9:00."),
            _("/replay: what past days would have been like under other weights, limits or hours. Nothing is changed."),
            _("/undo: puts back your last change of a weight, limit, shares or hours."),
            _("/admins: who else is an admin."),
            _("/export: requests, clients, operators and events as a table for Excel."),
        ]
    )
