"""The state of the local Telegram: bots, chats, files, updates, limits, faults."""
