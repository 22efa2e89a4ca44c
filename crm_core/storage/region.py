"""The default of the setting `DEFAULT_REGION`, apart from all that needs SQLAlchemy: settings are read without it."""

DEFAULT_REGION = "RU"
"""Where phones without a country code belong (ISO 3166-1)."""
