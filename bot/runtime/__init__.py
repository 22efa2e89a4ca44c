"""One running process: its bots, its periodic jobs, its start and its stop."""
