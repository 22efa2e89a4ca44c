"""Metrics for Prometheus: the route, the series and their exposition."""
