"""Receiving: raw updates are stored before they are confirmed, then worked on in order, a conversation at a time."""
