"""Tests of the service level in the database."""
