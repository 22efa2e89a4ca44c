"""One running process: its start and stop, its bots and its periodic jobs."""
