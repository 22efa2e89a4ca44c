"""Connections of a pool that are kept from one transaction to the next.

SQLAlchemy's pool takes 14 µs to lend a connection and to get it back, and a busy program asks for one a thousand times
a second. So whoever has ended a transaction leaves the connection here, and it goes back to the pool only when it was
not used for a while, after trouble, or when somebody needs one whose transactions are of another kind.
"""

import time

from sqlalchemy import Connection, Engine, event

from crm_core.storage.deadlines import IDLE, USED, answered


class AtHand:
    """Those of one engine. `Turns` bounds how many callers there are, so none is kept that a caller would wait for."""

    def __init__(self, engine: Engine) -> None:
        """
        Args:
            engine: with deadlines (`deadlines.watch`).
        """
        self._engine = engine
        self._kept: list[tuple[Connection, float]] = []  # with when each was last used, the latest last
        self._is_closed = False
        event.listen(engine, "invalidate", lambda *_: self.give_back())  # the others may have been lost with it

    def take(self) -> Connection:
        """A connection without a transaction: `keep` it, or close it, when that has ended."""
        if self._kept:
            if time.monotonic() - self._kept[-1][1] < IDLE:
                return self._kept.pop()[0]
            self.give_back()  # the pool asks whether they still work, before it lends them
        return self._engine.connect()

    def take_other(self) -> Connection:
        """One whose settings the caller may change until it is closed."""
        if self._kept:
            self._return(*self._kept.pop())
        return self._engine.connect()

    def keep(self, connection: Connection) -> None:
        """Gets a connection back whose transaction has succeeded."""
        if connection.invalidated or connection.in_transaction():
            connection.close()
        elif self._is_closed:
            connection.invalidate()  # the pool would keep it, too
            connection.close()
        else:
            answered(connection)
            self._kept.append((connection, time.monotonic()))

    def give_back(self) -> None:
        """Returns all that are kept to the pool."""
        while self._kept:
            self._return(*self._kept.pop())

    def close(self) -> None:
        """Returns all that are kept to the pool, which is about to be closed; what comes later is closed itself."""
        self._is_closed = True
        self.give_back()

    @staticmethod
    def _return(connection: Connection, used_at: float) -> None:
        info = connection.info
        connection.close()
        info[USED] = used_at
