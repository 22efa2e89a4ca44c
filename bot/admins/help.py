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
            _("/assign: who gets how much of a source. /assign #42 Anna: assign a request manually."),
            _(
                "/transfer #42 Anna …: hand a request on, with a note for Anna. /transfer #42 to shop_bot …: "
                "move it to another source."
            ),
            _(
                "/queue: waiting requests. /history #42: what was said in one. /why #42: why it went to its operator. "
                "/stats: statistics."
            ),
            _("/vip #42: the client of that request comes before others in the queue."),
            _("/keywords: what requests require by the words of their first message."),
            _("/forum shop_bot, in a group with topics: all operators read the requests of that source there."),
            _("/report: yesterday in five lines, also every morning: /report on 9:00."),
            _("/replay: what past days would have been like under other weights, limits or hours. Nothing is changed."),
            _("/undo: undoes your last change of a setting, after a question."),
            _("/admins: who else is an admin."),
            _("/export: requests, clients, operators and events as a table for Excel."),
        ]
    )
