"""What operators do: take and close, answer, come and go."""
