"""The API of tests: people, what they see, and the sandbox in this process or in another."""
