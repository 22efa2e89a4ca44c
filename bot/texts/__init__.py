"""Words for people: gettext catalogues, and the helpers that turn facts into natural sentences."""

from bot.texts.translator import LANGUAGES, Translator, pick_language, translator

__all__ = ["LANGUAGES", "Translator", "pick_language", "translator"]
