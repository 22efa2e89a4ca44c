"""The command line: a file per command of `python -m bot`."""
