"""Chance where none is known of: the same in every replay."""

import hashlib


def named_chance(*named: int) -> float:
    """A number in [0, 1) that is always the same for these numbers."""
    digest = hashlib.blake2b(":".join(map(str, named)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
