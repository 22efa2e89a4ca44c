"""THIRD-PARTY-NOTICES.md: what the product is installed with, and under which licences; `make notices` writes it."""
