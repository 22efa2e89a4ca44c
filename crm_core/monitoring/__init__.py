"""Numbers that an observer reads: counters, metrics, liveness, integrity."""
