"""The HTTP API: a file per noun over the same actions as the bot. `crm_core.api.app.create_app` puts it together."""
