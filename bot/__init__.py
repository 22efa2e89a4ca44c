"""The Telegram side: receiving, the people's handlers, delivery, and the wiring of it all."""
