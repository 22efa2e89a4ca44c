"""Sending: rows of the outbox become requests to Telegram, at the pace Telegram allows, each outcome recorded."""
