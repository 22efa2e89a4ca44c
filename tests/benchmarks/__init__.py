"""Benchmarks: speeds as ratios, measured in one run, because absolute figures differ from day to day (`make bench`)."""
