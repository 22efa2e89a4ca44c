"""The connection to Telegram: the HTTP session, methods and their limits, and what an answer means."""
