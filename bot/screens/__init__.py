"""What the bot's messages are made of: text, buttons, keyboards, menus, links."""
