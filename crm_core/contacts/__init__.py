"""Contacts and the leads they belong to: lifecycle, transfer, lists, details."""
