"""Who may do what: people of the staff, and API keys."""
