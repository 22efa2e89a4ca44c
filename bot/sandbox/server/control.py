"""The control routes: every action on the sandbox by name, for clients in this process and over HTTP.

`POST /sandbox/<action>` takes a JSON object of arguments and answers `{"result": …}`, or 400 and `{"error": …}`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_core import from_json, to_json

from bot.sandbox.actions import acting, control_actions, reading
from bot.sandbox.errors import SandboxError
from bot.sandbox.wire.http import Request
from bot.sandbox.world.state import World

Json = dict[str, Any]

# Actions that return immediately.
ACTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        acting.send,
        acting.forward,
        acting.edit,
        acting.delete,
        acting.delete_topic,
        acting.react,
        acting.block,
        acting.unblock,
        acting.deactivate,
        acting.press,
        acting.vote,
        reading.view,
        reading.file,
        reading.time,
        reading.transcript,
        reading.stats,
        reading.refusals,
        reading.violations,
        reading.commands,
        reading.callback,
        reading.bots,
        reading.keyboard,
        reading.confirmed,
        control_actions.add_bot,
        control_actions.add_person,
        control_actions.add_group,
        control_actions.set_member,
        control_actions.upgrade,
        control_actions.fail,
        control_actions.clear_fault,
        control_actions.set_limits,
        control_actions.set_topics,
        control_actions.revoke,
        control_actions.inject,
        control_actions.jump,
        control_actions.preload,
        control_actions.configure,
        control_actions.cut_all,
    )
}

# Actions that wait for something to happen, at most `timeout` seconds.
WAITS: dict[str, Callable[..., Awaitable[Any]]] = {
    function.__name__: function
    for function in (reading.changed, reading.callback_answer, reading.settled, reading.online)
}

_tasks: set[asyncio.Task[None]] = set()


def serve_control(world: World, request: Request, action: str) -> None:
    """Run one action for an HTTP client."""
    try:
        arguments = from_json(request.body) if request.body else {}
        if action in ACTIONS:
            answer = _wire(ACTIONS[action](world, **arguments))
            # Bots get their updates first, which this would delay.
            asyncio.get_running_loop().call_soon(request.respond, 200, answer)
        elif action in WAITS:
            task = asyncio.get_running_loop().create_task(_wait(world, request, action, arguments))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)
            request.on_disconnect = task.cancel
        else:
            raise SandboxError(f"there is no action {action!r}")
    except (SandboxError, TypeError, ValueError, KeyError) as error:
        _refuse(request, error)


async def _wait(world: World, request: Request, action: str, arguments: Json) -> None:
    try:
        request.respond(200, _wire(await WAITS[action](world, **arguments)))
    except (SandboxError, TypeError, ValueError, KeyError) as error:
        _refuse(request, error)


def _wire(result: Any) -> bytes:
    return to_json({"result": result})


def _refuse(request: Request, error: Exception) -> None:
    text = str(error) if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
    request.respond(400, to_json({"error": text}))
