"""`python -m bot` is the same as the console script `mini-crm`."""

from bot.commands.cli import main

if __name__ == "__main__":
    main()
