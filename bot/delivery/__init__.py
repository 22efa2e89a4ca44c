"""Sending: rows of the outbox become requests to Telegram, within Telegram's limits, each outcome recorded."""
