"""The retry budget of a service: how many retries there may be in proportion to all calls."""

#: Retries that the budget holds at most: so many may be made at once after a time without any.
MAX_BALANCE = 10.0


class RetryBudget:
    """A token bucket that calls fill and retries empty, so that retries never multiply an outage.

    Every call pays in `budget_ratio`, every retry takes 1 (Finagle's retry budget, without its window).
    """

    __slots__ = ("balance",)

    def __init__(self) -> None:
        self.balance = MAX_BALANCE

    def deposit(self, ratio: float) -> None:
        balance = self.balance + ratio
        self.balance = balance if balance < MAX_BALANCE else MAX_BALANCE

    def withdraw(self) -> bool:
        """Pay for one retry; False when there is too little left."""
        if self.balance < 1:
            return False
        self.balance -= 1
        return True
