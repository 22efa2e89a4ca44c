"""What the sender needs of the database: bots, claimed rows, outcomes."""
