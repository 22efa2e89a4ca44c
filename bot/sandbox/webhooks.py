"""Later."""


class Webhook:
    def stop(self) -> None: ...
