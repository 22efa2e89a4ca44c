"""A running installation in a world of one seed: the product's own code on an event loop whose every move is chosen.

What an installation waits for (an answer of Telegram, a flushed disk, a snapshot of the database, the next moment of
its clock) is a *move*. `loop` collects the moves that are possible, `history` picks the next one, lets people act, and
ends the process between any two steps; `checks` looks after each move, and once more when everything has come to rest.
"""
