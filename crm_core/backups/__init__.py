"""Copies of the database: made while it is in use, looked at before they count, and put back in its place."""
