"""Short digests, by which it is seen whether something that is shown elsewhere has changed."""

from hashlib import sha256


def digest(*parts: object) -> str:
    """Sixteen characters that differ where these parts differ; each part's `repr` says all of it."""
    return sha256(repr(parts).encode()).hexdigest()[:16]
