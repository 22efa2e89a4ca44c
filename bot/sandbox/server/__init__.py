"""The HTTP server: Bot API requests and the control interface."""
