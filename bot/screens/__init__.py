"""What messages of the bot are made of: text, buttons, keyboards, menus, links."""
