"""What people and tests do to the local Telegram: act, read, order faults."""
