"""How a bot receives updates from the local Telegram: long polling and webhooks."""
