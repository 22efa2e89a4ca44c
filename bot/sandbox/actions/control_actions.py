"""How tests and the demo control the sandbox: accounts, groups, faults, limits, outages."""

from dataclasses import asdict
from typing import Any

from bot.sandbox.errors import ApiError, SandboxError
from bot.sandbox.methods.account import member
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.chats import Group, StoredMessage
from bot.sandbox.world.content import build
from bot.sandbox.world.faults import Fault
from bot.sandbox.world.state import World

Json = dict[str, Any]


def add_bot(world: World, *, token: str, username: str, name: str) -> Json:
    """Create a bot."""
    bot = world.add_bot(token, username, name)
    return {"id": bot.id, "token": token, "username": username, "name": name}


def add_person(world: World, *, user: Json, hidden_forwards: bool = False, forbids_voice: bool = False) -> Json:
    """Create a person from a Bot API User object, whose id may be left out."""
    return world.add_person(user, hidden_forwards=hidden_forwards, forbids_voice=forbids_voice).user


def add_group(
    world: World, *, title: str, people: list[int], bots: list[int], forum: bool, supergroup: bool, admins: bool
) -> Json:
    """Create a group; the first person owns it, the bots are administrators when `admins`."""
    group = world.add_group(title, supergroup=supergroup or forum, forum=forum)
    for index, person in enumerate(people):
        world.person(person)
        group.members[person] = "member" if index else "creator"
    for bot_id in bots:
        world.bot(bot_id)
        set_member(world, group=group.id, user=bot_id, status="administrator" if admins else "member")
    return group.json


def set_member(world: World, *, group: int, user: int, status: str) -> None:
    """Let a person or a bot join or leave a group, or change their status; a bot gets an update about itself."""
    chat = world.group(group)
    info = world.user(user)
    if info is None:
        raise SandboxError(f"there is no person or bot with id {user}")
    before = member(chat, info)
    chat.members[user] = status
    now = world.now()
    owner = next((person for person, kind in chat.members.items() if kind == "creator"), user)
    update = {
        "chat": chat.json,
        "from": world.user(owner),
        "date": int(now),
        "old_chat_member": before,
        "new_chat_member": member(chat, info),
    }
    if user in world.bots_by_id:
        world.bots_by_id[user].queue.push("my_chat_member", update, ("member", chat.id), now)
    else:
        world.notify(chat, "chat_member", update, lane=("member", chat.id), date=now)


def upgrade(world: World, *, group: int) -> Json:
    """Turn a group into a supergroup: another id, and a service message in each of the two chats."""
    old = world.group(group)
    if old.json["type"] != "group" or old.migrated_to is not None:
        raise SandboxError("only a basic group can be upgraded, and once")
    new = world.add_group(old.title, supergroup=True, forum=False)
    new.members = dict(old.members)
    _service(world, old, {"migrate_to_chat_id": new.id})
    _service(world, new, {"migrate_from_chat_id": old.id})
    old.migrated_to = new.id
    return new.json


def _service(world: World, group: Group, content: Json) -> None:
    now = world.now()
    owner = next(user for user in group.members if user in world.people)
    message = {
        "message_id": group.next_id(),
        "from": world.people[owner].user,
        "chat": group.json,
        "date": int(now),
        **content,
    }
    world.keep(group, StoredMessage(message, "service"))
    world.notify(group, "message", message, lane=("chat", group.id), date=now)


def fail(world: World, **fields: Any) -> Json:
    """Inject a fault; see `faults.Fault` for its fields."""
    try:
        return asdict(world.faults.add(Fault(**fields)))
    except (TypeError, ValueError) as error:
        raise SandboxError(str(error)) from None


def clear_fault(world: World, *, fault: int | None = None) -> None:
    """Remove one fault, or all of them."""
    world.faults.remove(fault)


def set_limits(world: World, *, enabled: bool) -> None:
    """Switch the rate limits on or off."""
    world.limits.enabled = enabled


def set_topics(world: World, *, bot: int, enabled: bool) -> None:
    """Switch topics in the private chats of a bot on or off, as its owner does in BotFather."""
    world.bot(bot).has_topics = enabled


def configure(
    world: World,
    *,
    strict: bool | None = None,
    older: bool | None = None,
    paced: bool | None = None,
    callback_life: float | None = None,
    webhook_second: float | None = None,
) -> None:
    """Change switches.

    Args:
        strict: check requests against aiogram's models; only benchmarks switch this off
        older: refuse what came with later versions of the Bot API, as a server that nobody has renewed
        paced: slow down polls of the same offset in a tight loop (research note R6)
        callback_life: seconds in which a callback query can be answered
        webhook_second: how long a second of the webhook back-off really takes, in seconds
    """
    world.strict = world.strict if strict is None else strict
    world.is_older = world.is_older if older is None else older
    world.paced = world.paced if paced is None else paced
    world.callback_life = world.callback_life if callback_life is None else callback_life
    world.webhook_second = world.webhook_second if webhook_second is None else webhook_second


def revoke(world: World, *, bot: int) -> None:
    """Revoke a bot's token: 401 from now on, also for the long poll that is waiting."""
    account = world.bot(bot)
    account.revoked = True
    if account.poll is not None:
        account.poll.stop(ApiError(401, "Unauthorized"))
    if account.webhook is not None:
        account.webhook.stop()
        account.webhook = None


def inject(world: World, *, bot: int, update: Json) -> int | None:
    """Queue any JSON object as an update, with the next id. Returns that id."""
    return world.bot(bot).queue.push_raw(update)


def jump(world: World, *, bot: int, to: int | None = None) -> int:
    """Continue the update ids at `to`, or at a random number. Returns the next id."""
    queue = world.bot(bot).queue
    queue.jump(to)
    return queue.next_id


def preload(world: World, *, bot: int, people: int, each: int, text: str = "message {number} of {person}") -> list[int]:
    """Queue `each` texts of each of `people` new clients, in turn, as after an outage. Returns the clients' ids."""
    account: BotAccount = world.bot(bot)
    records = [world.add_person({"first_name": f"Client {index + 1}"}) for index in range(people)]
    now = world.now()
    for number in range(1, each + 1):
        for record in records:
            chat = world.dialogue(account.id, record.id)
            chat.started = True
            content = {"kind": "text", "text": text.format(number=number, person=record.id)}
            _, fields = build(world, content, account.id)
            message = {
                "message_id": chat.next_id(), "from": record.user, "chat": chat.json, "date": int(now), **fields,
            }  # fmt: skip
            world.keep(chat, StoredMessage(message, "text"))
            account.queue.push("message", message, ("chat", chat.id), now)
    return [record.id for record in records]


def cut_all(world: World) -> None:
    """Cut all connections of bots; control connections stay open."""
    for hook in world.on_cut:
        hook()
