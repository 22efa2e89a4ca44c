"""Settings: what is refused, with which sentence, and that no sentence shows a value."""

from pathlib import Path

import pytest

from bot.settings import SECRETS, BadSettings, Settings, load_settings

TOKEN = "123456789:" + "A" * 35


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def test_settings_load_without_any_value() -> None:
    settings = load_settings()
    assert settings.bot_tokens == []
    assert settings.database_url == "sqlite:///data/mini_crm.db"


def test_environment_overrides_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOT_TOKENS={TOKEN}\nDEFAULT_LANGUAGE=en\nADMIN_IDS=5, 6\n")
    monkeypatch.setenv("DEFAULT_LANGUAGE", "ru")
    settings = load_settings()
    assert settings.bot_tokens == [TOKEN]
    assert settings.admin_ids == [5, 6]
    assert settings.default_language == "ru"


def test_empty_value_uses_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_URL", "")
    monkeypatch.setenv("HTTP_PORT", "")
    assert load_settings().webhook_url is None
    assert load_settings().http_port == 8000


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BOT_TOKENS", "hello", "token 1 does not look like"),
        ("BOT_TOKENS", f"{TOKEN},oops", "token 2 does not look like"),
        ("BOT_TOKENS", f"{TOKEN},{TOKEN}", "the same bot is named twice"),
        ("ADMIN_IDS", "@olga", "numeric Telegram ids"),
        ("DATABASE_URL", "mysql://me@host/crm", "sqlite:///path/to/file.db or postgresql://"),
        ("DATABASE_URL", "sqlite://", "sqlite:///path/to/file.db or postgresql://"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///path/to/file.db or postgresql://"),
        ("DATABASE_URL", "postgresql://me:word@host:port/crm", "sqlite:///path/to/file.db or postgresql://"),
        ("DATABASE_URL", "postgresql://host", "sqlite:///path/to/file.db or postgresql://"),
        ("TELEGRAM_API_URL", "api.example.com", "begins with https://"),
        ("WEBHOOK_SECRET", "short", "16 to 256"),
        ("WEBHOOK_URL", "https://crm.example.com", "WEBHOOK_SECRET: needed with WEBHOOK_URL"),
        ("WEBHOOK_URL", "http://crm.example.com", "begins with https://"),
        ("WEBHOOK_URL", "http://127.0.0.1.example.com:8443", "begins with https://"),
        ("TRUSTED_PROXIES", "proxy.example.com", "addresses or networks are needed"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "addresses or networks are needed"),
        ("HTTP_PORT", "70000", "a port from 1 to 65535"),
        ("HTTP_PORT", "web", "HTTP_PORT"),
        ("CORS_ORIGINS", "*", "addresses of sites without a path"),
        ("CORS_ORIGINS", "https://a.example, https://b.example/shop", "addresses of sites without a path"),
        ("TIMEZONE", "Mars/Olympus", "a name such as Europe/Moscow"),
        ("TIMEZONE", "../../etc/passwd", "a name such as Europe/Moscow"),
        ("DEFAULT_LANGUAGE", "Deutsch", "'ru' or 'en'"),
        ("LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_invalid_value_is_refused_with_its_sentence(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert sentence in str(refused.value)


def test_error_texts_do_not_show_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOT_TOKENS", "ADMIN_IDS", "DATABASE_URL", "WEBHOOK_SECRET", "HTTP_PORT", "TIMEZONE", "LOG_LEVEL"):
        monkeypatch.setenv(name, "hunter2!")
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert len(str(refused.value).splitlines()) == 7
    assert "hunter2" not in str(refused.value)


def test_all_invalid_settings_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKENS", "x")
    monkeypatch.setenv("TIMEZONE", "x")
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["BOT_TOKENS", "TIMEZONE"]


def test_cors_origins_are_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://www.example.com, http://localhost:3000")
    assert load_settings().cors_origins == ["https://www.example.com", "http://localhost:3000"]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_can_be_read_from_a_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "BOT_TOKENS": TOKEN,
        "DATABASE_URL": "postgresql://me:word@host/crm",
        "WEBHOOK_SECRET": "s" * 20,
        "MIGRATION_DATABASE_URL": "postgresql://owner:word@host/crm",
        "TELEGRAM_PROXY": "socks5://me:word@host:1080",
    }
    if name == "MIGRATION_DATABASE_URL":
        monkeypatch.setenv("DATABASE_URL", values["DATABASE_URL"])
    (tmp_path / "secret").write_text(values[name] + "\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    found = getattr(load_settings(), name.lower())
    assert found == ([TOKEN] if name == "BOT_TOKENS" else values[name])


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKENS_FILE", "/nowhere/tokens")
    with pytest.raises(BadSettings, match="BOT_TOKENS_FILE: the file cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///crm.db",
        "sqlite:////data/crm.db",
        "postgresql://me:w%40rd@host:5432/crm",
        "postgresql://me:@/crm?host=/run/postgresql",
        "postgresql+psycopg://host/crm",
    ],
)
def test_valid_database_urls_are_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert load_settings().database_url == url


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKENS", TOKEN)
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:word1@host/crm")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner:word2@host/crm")
    monkeypatch.setenv("WEBHOOK_SECRET", "word3" * 5)
    monkeypatch.setenv("TELEGRAM_PROXY", "socks5://me:word4@host:1080")
    shown = f"{load_settings()!r} {load_settings()}"
    assert not {one for one in (TOKEN, "word1", "word2", "word3", "word4") if one in shown}


@pytest.mark.parametrize(
    ("url", "migrating", "said"),
    [
        ("sqlite:///crm.db", "postgresql://owner@host/crm", "a SQLite file has no accounts"),
        ("postgresql://me@host/crm", "sqlite:///crm.db", "a SQLite file has no accounts"),
        ("postgresql://me@host/crm", "postgresql://owner@host/other", "it must name the same database"),
    ],
)
def test_migrating_account_of_another_database_is_refused(
    url: str, migrating: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MIGRATION_DATABASE_URL", migrating)
    with pytest.raises(BadSettings, match=f"MIGRATION_DATABASE_URL: .*{said}"):
        load_settings()
