"""Exports: contacts, leads, operators and events as tables that a spreadsheet opens.

They are read a page at a time and written at once, so that a million rows need no more memory than a thousand.
"""
