"""Composing a document: an `Executor` for each route calls the parts of every request's document."""

from gateway.aggregation.document import Composed, DocumentLayout
from gateway.aggregation.plan import Plan
from gateway.aggregation.run import Run
from gateway.messages import Request


class Executor:
    """Calls parts concurrently; one that needs values of others is called once it has them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._layout = DocumentLayout(plan.parts)

    async def run(self, request: Request) -> Composed:
        """Compose the document.

        Raises:
            TotalFailure: a part that cannot be done without failed, or every part did.
        """
        run = Run(self.plan, request)
        try:
            run.start()
            await run.over
        finally:
            await run.abandon()
        composed = self._layout.join([run.outcomes[part.name] for part in self.plan.parts])
        if not run.shared:
            composed = composed._replace(shared=False)
        if run.first_answer is None:
            return composed
        return composed._replace(age=self.plan.clock() - run.first_answer)
