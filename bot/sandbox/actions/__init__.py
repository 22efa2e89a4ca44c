"""What people and tests do in the local Telegram: act, read, inject faults."""
