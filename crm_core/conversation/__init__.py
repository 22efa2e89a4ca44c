"""What clients and operators write, in both directions, and questions that the bot asked."""
