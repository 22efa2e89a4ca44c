"""Entities, and the HTML and Markdown that are parsed into them."""
