"""What admins do: statistics, weights, operators, sources, the queue, other admins; by buttons and typed."""
