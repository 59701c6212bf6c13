"""Group commit: what many callers ask for while one statement is under way goes into the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_K = TypeVar("_K")
_R = TypeVar("_R")


class GroupCommit(Generic[_K, _R]):
    """Calls `run` with the items of all callers in hand, one call at a time; an idle one calls it at once."""

    def __init__(self, run: Callable[[Sequence[_K]], Awaitable[Sequence[_R]]], at_once: int) -> None:
        """`run` answers each item in its place; it gets about `at_once` items at most, or one caller's."""
        self._run = run
        self._at_once = at_once
        self._waiting: deque[tuple[Sequence[_K], asyncio.Future[Sequence[_R]]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, items: Sequence[_K]) -> Sequence[_R]:
        """The answers to one's own items; raises what `run` raised."""
        future: asyncio.Future[Sequence[_R]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            # Once round the loop: callers that are ready by now come along.
            await asyncio.sleep(0)
            while self._waiting:
                await self._round()
        finally:
            self._task = None

    async def _round(self) -> None:
        callers: list[tuple[Sequence[_K], asyncio.Future[Sequence[_R]]]] = []
        count = 0
        while self._waiting and (not callers or count + len(self._waiting[0][0]) <= self._at_once):
            caller = self._waiting.popleft()
            callers.append(caller)
            count += len(caller[0])
        try:
            answers = await self._run([item for items, _ in callers for item in items])
        except BaseException as error:
            failure = (
                error
                if isinstance(error, Exception)
                else ConnectionError("stopped before the statement was run")
            )
            for _, future in callers:
                if not future.done():
                    future.set_exception(failure)
            if failure is not error:
                raise
            return
        start = 0
        for items, future in callers:
            if not future.done():
                future.set_result(answers[start : start + len(items)])
            start += len(items)
