"""Exports: contacts, leads, operators and events as tables that a spreadsheet opens.

Read a page at a time and written as they are read, so that a million rows need no more memory than a thousand.
"""
