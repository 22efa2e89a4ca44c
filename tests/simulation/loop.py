"""An event loop without a clock and without threads: time passes, and what was waited for happens, when it is told to.

Callbacks run in the order in which they were scheduled, as asyncio promises. Everything that would come from outside
is a `Move`, and whoever drives the loop decides which of them is next.
"""

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

Callback = Callable[..., object]
PROCESS, TELEGRAM = "process", "telegram"
DISK_SLOW = 0.5  # seconds for one piece of work


@dataclass(eq=False, slots=True)
class Move:
    """Something that may happen next.

    Attributes:
        label: what it is, for whoever reads a history.
        owner: PROCESS if it ends with the process, TELEGRAM if not.
        disk_since: for work of the disk, the moment from which on it has been at it.
    """

    label: str
    run: Callable[[], object]
    owner: str = PROCESS
    disk_since: float | None = None


class Handle(asyncio.Handle):
    """A callback to come, and whose it is."""

    def __init__(self, callback: Callback, args: Any, loop: "Loop", context: contextvars.Context | None) -> None:
        super().__init__(callback, args, loop, context)
        self.owner = loop.owner


class Timer(Handle):
    """A callback for a moment of the loop's time."""

    def __init__(
        self, moment: float, callback: Callback, args: Any, loop: "Loop", context: contextvars.Context | None
    ) -> None:
        super().__init__(callback, args, loop, context)
        self.moment = moment

    def when(self) -> float:
        """Seconds of the loop's time."""
        return self.moment


class Loop(asyncio.AbstractEventLoop):
    """Drives coroutines step by step. `with loop.running():` makes it the running one.

    It has what asyncio asks of a loop as far as the product needs it: no sockets, no signals, no processes.
    """

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since it began."""
        self.moves: list[Move] = []
        self.owner = PROCESS
        self.troubles: list[dict[str, Any]] = []
        """What nobody has caught."""
        self.tasks: list[asyncio.Task[Any]] = []
        self.disk_quick_since = 0.0
        """Before this moment the disk was busy for long; what was to be stored had to wait."""
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    @contextmanager
    def running(self) -> Iterator[None]:
        """For as long as code of the simulated process, or of Telegram, is run."""
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)

    @contextmanager
    def owned_by(self, owner: str) -> Iterator[None]:
        """What is scheduled meanwhile is this owner's."""
        before, self.owner = self.owner, owner
        try:
            yield
        finally:
            self.owner = before

    # --- driving -------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Runs the next callback that is due. Returns whether there was one."""
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                before, self.owner = self.owner, handle.owner
                handle._run()
                self.owner = before
                return True
        return False

    def next_moment(self) -> float | None:
        """When the next timer is due; None without timers."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, moment: float) -> None:
        """Lets time pass, timers included."""
        self.now = max(self.now, moment)
        while (due := self.next_moment()) is not None and due <= self.now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def perform(self, move: Move) -> None:
        """Makes a move."""
        self.moves.remove(move)
        self._watch_disk([move])
        with self.owned_by(move.owner):
            move.run()

    def _watch_disk(self, moves: Iterable[Move]) -> None:
        if any(move.disk_since is not None and self.now - move.disk_since > DISK_SLOW for move in moves):
            self.disk_quick_since = self.now

    def forget_process(self) -> None:
        """The process has ended: what it waited for, and what it was about to do, is gone."""
        self._watch_disk(self.moves)
        self.moves = [move for move in self.moves if move.owner != PROCESS]
        self._ready = deque(handle for handle in self._ready if handle.owner != PROCESS)
        self._timers = [timer for timer in self._timers if timer[2].owner != PROCESS]
        heapq.heapify(self._timers)
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            _bury(task)

    # --- what asyncio asks of a loop -----------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def call_soon(  # type: ignore[override]
        self, callback: Callback, *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callback, *args: Any, context: contextvars.Context | None = None
    ) -> Timer:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callback, *args: Any, context: contextvars.Context | None = None
    ) -> Timer:
        timer = Timer(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Cancelled timers are passed over when their moment comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        if self.owner == PROCESS:
            self.tasks.append(task)
            task.add_done_callback(self.tasks.remove)
        return task

    def run_in_executor(self, executor: Any, func: Callback, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """What a thread would do is a move: it happens at once, but nobody knows when."""
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        called = func.args[0] if isinstance(func, partial) else func  # asyncio.to_thread wraps what it is given
        label = f"disk: {getattr(called, '__name__', 'a thread')}"
        self.moves.append(Move(label, work, disk_since=self.now))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.troubles.append(context)

    def get_exception_handler(self) -> None:
        return None

    def set_exception_handler(self, handler: Any) -> None:
        """Troubles are kept for the checks, whoever would like to hear of them."""

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


class _Ended(BaseException):
    """Ends a coroutine where it stands. Nothing of the product catches it."""


def _bury(task: asyncio.Task[Any]) -> None:
    """Lets go of a task in the middle of its work; whatever it would like to do in its last moment meets nobody.

    What it begins then is begun on a loop where nothing happens any more, and is let go of in its turn.
    """
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine, before, nowhere = task.get_coro(), asyncio._get_running_loop(), Loop()  # type: ignore[abstract]
    asyncio._set_running_loop(nowhere)
    try:
        for _ in range(20):  # a `finally` may wait for something, several times
            coroutine.throw(_Ended())
    except BaseException:
        return
    finally:
        asyncio._set_running_loop(before)
        for begun in nowhere.tasks:
            _bury(begun)
