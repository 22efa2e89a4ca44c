"""Words that switch something off, as people type them in either language."""

_OFF = frozenset({"off", "no", "none", "-", "–", "нет", "выкл", "выключить"})


def means_off(text: str) -> bool:
    """Whether a typed value means: off, none."""
    return text.strip().casefold() in _OFF
