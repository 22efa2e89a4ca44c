"""The page of `make sandbox` in a real browser, and the pictures of the documentation, which are made from it."""
