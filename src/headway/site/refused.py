"""How a reader of one value says no."""


class Refused(ValueError):  # noqa: N818 - it is an answer about a value, not a failure
    """Code, what is wrong, what to do. A `ValueError`, so that pydantic adds the place."""

    def __init__(self, code: str, message: str, help_: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help_
