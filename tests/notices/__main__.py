"""`make notices`: writes THIRD-PARTY-NOTICES.md anew."""

from tests.notices.notices import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
