"""Handlers that staff and strangers share: joining by a link, blocking the bot."""
