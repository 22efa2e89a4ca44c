"""Planted bugs: mistakes that somebody could make in the product, each of which the proof must notice.

Each is a patch with a header that says in a sentence what is wrong, and who should notice. `make mutants` plants them
one after another in a copy of the project. One that nobody notices is a hole in the simulator or in the stories.
"""
