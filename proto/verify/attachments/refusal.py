"""A rule of SPEC that does not hold."""


class Refusal(Exception):
    """Carries the rule that does not hold and the code that SPEC gives it."""

    def __init__(self, code: int, rule: str, text: str):
        super().__init__(f"{text} ({code}, {rule})")
        self.code = code
        self.rule = rule


def require(holds: bool, code: int, rule: str, text: str) -> None:
    """Refuses unless the rule holds."""
    if not holds:
        raise Refusal(code, rule, text)
