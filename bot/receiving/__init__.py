"""Raw updates are stored before they are confirmed to Telegram, then handled in order within each conversation."""
