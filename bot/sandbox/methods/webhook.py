"""setWebhook, deleteWebhook, getWebhookInfo."""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.errors import ApiError, bad_request
from bot.sandbox.intake.webhooks import DeliveryContext, Webhook
from bot.sandbox.methods.call import Call, method
from bot.sandbox.world.bots import WebhookSettings

Json = dict[str, Any]

TERMINATED = "Conflict: terminated by setWebhook request"


@method("setWebhook")
def set_webhook(call: Call) -> bool:
    """https://core.telegram.org/bots/api#setwebhook; plain HTTP is allowed, and only this machine is reached."""
    bot = call.bot
    url = call.text("url")
    if url is None:
        _take_down(call)
        return True
    _check_url(url)
    secret = call.text("secret_token")
    if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise bad_request(
            "secret token contains unallowed characters" if len(secret) <= 256 else "secret token is too long"
        )
    connections = call.integer("max_connections") or 40
    if not 1 <= connections <= 100:
        raise bad_request("invalid max_connections specified")
    allowed = call.json("allowed_updates")
    if isinstance(allowed, list):
        bot.queue.allow([str(kind) for kind in allowed])
    _take_down(call)
    if bot.poll is not None:
        bot.poll.stop(ApiError(409, TERMINATED))
    _set_up(call, WebhookSettings(url, secret, connections))
    return True


def _set_up(call: Call, settings: WebhookSettings) -> None:
    bot, world = call.bot, call.world
    context = DeliveryContext(world.client, world.now, world.random, lambda: world.webhook_second, world.polled)
    webhook = Webhook(bot, settings, context)
    bot.webhook, bot.webhook_settings = webhook, settings
    webhook.start()
    world.polled(bot)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_request("bad webhook: HTTPS URL must be provided for webhook")
    try:
        loopback = parts.hostname == "localhost" or ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise bad_request("bad webhook: the sandbox reaches addresses of this machine only")


def _take_down(call: Call) -> None:
    if call.bot.webhook is not None:
        call.bot.webhook.stop()
        call.bot.webhook = None
    if call.flag("drop_pending_updates"):
        call.bot.queue.clear()


@method("deleteWebhook")
def delete_webhook(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deletewebhook"""
    _take_down(call)
    return True


@method("getWebhookInfo")
def get_webhook_info(call: Call) -> Json:
    """https://core.telegram.org/bots/api#getwebhookinfo"""
    queue, settings = call.bot.queue, call.bot.webhook_settings
    is_set = call.bot.webhook is not None
    result: Json = {
        "url": settings.url if is_set else "",
        "has_custom_certificate": False,
        "pending_update_count": len(queue.items),
    }
    if queue.allowed is not None:
        result["allowed_updates"] = sorted(queue.allowed)
    if is_set:
        result["max_connections"] = settings.connections
        result["ip_address"] = "127.0.0.1"
        if settings.last_error is not None:
            result["last_error_date"], result["last_error_message"] = settings.last_error
    return result
