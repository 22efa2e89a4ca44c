"""Operators, their accounts in Telegram, and invitations."""
