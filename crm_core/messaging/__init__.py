"""What comes in and what goes out, as rows: inbox, messages, outbox, alerts."""
