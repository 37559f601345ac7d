"""Points to a class that cannot be made."""


class Plugin:
    """Refuses."""

    def __init__(self) -> None:
        raise OSError("no nest")
