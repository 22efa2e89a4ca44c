"""The wire to Telegram: the HTTP session, the methods used, and what an answer means."""
