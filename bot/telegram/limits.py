"""How long what a bot sends may be, in UTF-16 units, and what has a caption (Bot API). How often:
`bot.delivery.rate_limit`.
"""

MESSAGE_LONGEST = 4096  # text of sendMessage
CAPTION_LONGEST = 1024  # caption of sendPhoto
TOAST_LONGEST = 200  # text of answerCallbackQuery, in characters
CAPTIONED = frozenset({"photo", "video", "animation", "document", "audio", "voice", "live_photo"})
