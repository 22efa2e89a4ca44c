"""Texts for people: gettext catalogues, and functions that turn facts into natural sentences."""

from bot.texts.translator import LANGUAGES, Translator, pick_language, translator

__all__ = ["LANGUAGES", "Translator", "pick_language", "translator"]
