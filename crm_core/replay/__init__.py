"""A past period again, under other settings: who would have got what, and who would have waited. It changes nothing."""
