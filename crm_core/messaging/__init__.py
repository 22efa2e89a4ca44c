"""What comes in and goes out, as rows: inbox, messages, outbox, receivers, alerts."""
