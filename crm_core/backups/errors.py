"""What can be wrong with a backup, as codes with fields; the texts are in `bot.commands.explain`."""

from typing import Any


class BackupError(Exception):
    """A backup was not made, or cannot be used; nothing was changed.

    Attributes:
        code: `no_database`, `no_folder`, `is_folder`, `not_writable`, `no_space`, `exists`, `is_database`,
            `not_readable`, `damaged`, `foreign`,
            `unknown_revision`, `not_empty`, `replace_here`, `no_tool`, `tool_failed`.
        fields: values for its text; never a password or message content.
    """

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code, self.fields = code, fields
