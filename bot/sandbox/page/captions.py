"""What the page itself says, in English and Russian; what people and bots say is theirs."""

from dataclasses import dataclass
from datetime import date

_EN = {
    "title": "Mini-CRM · sandbox",
    "lead": "The whole product, a Telegram of its own, and five telephones. No token, no internet.",
    "bot": "bot",
    "typing": "typing…",
    "upload_photo": "sending a photo…",
    "upload_document": "sending a file…",
    "record_voice": "recording a voice message…",
    "message": "Message",
    "send": "Send",
    "start": "START",
    "unblock": "UNBLOCK",
    "blocked": "You have blocked this bot",
    "menu": "Menu",
    "attach": "Attach",
    "attach_file": "Photo or file…",
    "sample_photo": "A sample photo",
    "sample_album": "An album of three",
    "sample_voice": "A voice message",
    "sample_location": "A location",
    "sample_contact": "My phone number",
    "block": "Block the bot",
    "actions": "Actions on this message",
    "reply": "Reply",
    "edit": "Edit",
    "delete": "Delete",
    "copy": "Copy",
    "copied": "Copied",
    "react": "React with {emoji}",
    "cancel": "Cancel",
    "ok": "OK",
    "edited": "edited",
    "protected": "Can't be forwarded or saved",
    "forwarded": "Forwarded from {name}",
    "chat": "Chat of {name} with {bot}",
    "keyboard": "Buttons under the input field",
    "empty": "No messages here yet",
    "today": "Today",
    "yesterday": "Yesterday",
    "pinned": "{name} pinned “{what}”",
    "pinned_message": "Pinned message",
    "photo": "Photo",
    "video": "Video",
    "animation": "GIF",
    "video_note": "Video message",
    "voice": "Voice message",
    "audio": "Music",
    "document": "File",
    "sticker": "Sticker",
    "location": "Location",
    "live_location": "Live location",
    "venue": "Place",
    "contact": "Contact",
    "poll": "Poll",
    "dice": "Dice",
    "story": "Story",
    "giveaway": "Giveaway",
    "paid_media": "Paid media",
    "message_auto_delete_timer_changed": "Auto-delete timer changed",
    "unknown": "Message",
    "unsupported": "{kind} (not shown here)",
    "theme": "Dark or light",
    "other_language": "Русский",
    "restart_hint": "Start over in Russian",
    "switches": "Switches",
    "inside": "Inside",
    "tour": "In two minutes",
    "show_me": "Show me",
    "done": "done",
    "phones": "Telephones",
    "news": "new messages",
    "down": "Go to the newest messages",
    "down_new": "Go to the newest messages, {count} new",
    "offline": "The page has lost its server. Is `make sandbox` still running?",
    "refused": "Telegram refuses: {why}",
    "no_answer": "The bot does not answer",
}
_RU = {
    "title": "Mini-CRM · песочница",
    "lead": "Весь продукт, собственный Telegram и пять телефонов. Без токена и интернета.",
    "bot": "бот",
    "typing": "печатает…",
    "upload_photo": "отправляет фото…",
    "upload_document": "отправляет файл…",
    "record_voice": "записывает голосовое…",
    "message": "Сообщение",
    "send": "Отправить",
    "start": "НАЧАТЬ",
    "unblock": "РАЗБЛОКИРОВАТЬ",
    "blocked": "Вы заблокировали этого бота",
    "menu": "Меню",
    "attach": "Прикрепить",
    "attach_file": "Фото или файл…",
    "sample_photo": "Готовое фото",
    "sample_album": "Альбом из трёх фото",
    "sample_voice": "Голосовое сообщение",
    "sample_location": "Геопозиция",
    "sample_contact": "Мой номер телефона",
    "block": "Заблокировать бота",
    "actions": "Действия с сообщением",
    "reply": "Ответить",
    "edit": "Изменить",
    "delete": "Удалить",
    "copy": "Копировать",
    "copied": "Скопировано",
    "react": "Реакция {emoji}",
    "cancel": "Отмена",
    "ok": "ОК",
    "edited": "изменено",
    "protected": "Нельзя переслать или сохранить",
    "forwarded": "Переслано от {name}",
    "chat": "Чат: {name} и {bot}",
    "keyboard": "Кнопки под полем ввода",
    "empty": "Здесь пока ничего нет",
    "today": "Сегодня",
    "yesterday": "Вчера",
    "pinned": "{name}: закреплено «{what}»",
    "pinned_message": "Закреплённое сообщение",
    "photo": "Фотография",
    "video": "Видео",
    "animation": "GIF",
    "video_note": "Видеосообщение",
    "voice": "Голосовое сообщение",
    "audio": "Музыка",
    "document": "Файл",
    "sticker": "Стикер",
    "location": "Геопозиция",
    "live_location": "Геопозиция в реальном времени",
    "venue": "Место",
    "contact": "Контакт",
    "poll": "Опрос",
    "dice": "Кубик",
    "story": "История",
    "giveaway": "Розыгрыш",
    "paid_media": "Платный контент",
    "message_auto_delete_timer_changed": "Изменён таймер автоудаления",
    "unknown": "Сообщение",
    "unsupported": "{kind} (здесь не показывается)",
    "theme": "Тёмная или светлая",
    "other_language": "English",
    "restart_hint": "Начать заново по-английски",
    "switches": "Переключатели",
    "inside": "Внутри",
    "tour": "За две минуты",
    "show_me": "Показать",
    "done": "сделано",
    "phones": "Телефоны",
    "news": "есть новое",
    "down": "К последним сообщениям",
    "down_new": "К последним сообщениям, новых: {count}",
    "offline": "Страница потеряла сервер. `make sandbox` ещё работает?",
    "refused": "Telegram отказывает: {why}",
    "no_answer": "Бот не отвечает",
}
_MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    "ru": (
        "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября",
        "декабря",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Captions:
    """The captions in one language."""

    language: str
    texts: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.texts[name]

    def get(self, name: str, default: str = "") -> str:
        """A caption, or another text where there is none of that name."""
        return self.texts.get(name, default)

    def kind(self, name: str) -> str:
        """A kind of content by its name in the Bot API; an unknown one is called by that name."""
        return self.texts.get(name) or self["unsupported"].format(kind=name.replace("_", " ").capitalize())

    def day(self, day: date, today: date) -> str:
        """A day as it stands between messages."""
        if (today - day).days in (0, 1):
            return self["today" if day == today else "yesterday"]
        month = _MONTHS[self.language][day.month - 1]
        return f"{month} {day.day}" if self.language == "en" else f"{day.day} {month}"

    def size(self, size: int) -> str:
        """A file's size."""
        units = ("B", "KB", "MB", "GB") if self.language == "en" else ("Б", "КБ", "МБ", "ГБ")
        amount, power = float(size), 0
        while amount >= 1024 and power < 3:
            amount, power = amount / 1024, power + 1
        return f"{amount:.0f} {units[power]}" if power == 0 else f"{amount:.1f} {units[power]}"


CAPTIONS = {"en": Captions("en", _EN), "ru": Captions("ru", _RU)}
