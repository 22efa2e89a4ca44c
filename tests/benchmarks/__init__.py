"""Speed, as ratios measured in one run; `make bench` prints the table. None of it is a test: days differ."""
