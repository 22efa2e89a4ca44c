"""The CRM itself: facts and decisions, with no word of Telegram's library and no word for people."""
