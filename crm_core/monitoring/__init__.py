"""Figures for observers: counters, metrics, liveness, integrity."""
