"""Where facts are kept: tables, engines, the one way to write and the one way to read."""
