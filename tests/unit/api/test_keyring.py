"""Changes of the tokens reach the disk in their order, whoever goes away meanwhile."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Sequence

from headway.access.token import Token
from headway.api.keyring import StoredKeyring
from headway.model.actor import HEADWAY, Role, Scope
from headway.model.event import Event
from headway.testing.builders import NOON

DISK_S_MAX = 10.0


class SlowDisk:
    """Satisfies `TokenStore`. The save that is `held` gets there when it is let go."""

    def __init__(self) -> None:
        self.tokens: tuple[Token, ...] = ()
        self.is_held = False
        self.begun, self.let_go = threading.Event(), threading.Event()

    def load(self) -> tuple[Token, ...]:
        return self.tokens

    def save(self, tokens: Sequence[Token]) -> None:
        if self.is_held:
            self.is_held = False
            self.begun.set()
            assert self.let_go.wait(DISK_S_MAX), "nobody let it go"
        self.tokens = tuple(tokens)


async def nothing(_: Sequence[Event]) -> None:
    """A journal that forgets."""


def test_a_revoked_token_does_not_come_back_with_a_change_that_was_given_up() -> None:
    disk, numbers = SlowDisk(), itertools.count(1)
    keyring = StoredKeyring(
        disk,
        now=lambda: NOON,
        random_bytes=lambda count: next(numbers).to_bytes(count, "big"),
        record=nothing,
    )

    async def make(name: str) -> None:
        await keyring.create(name, Role.VIEWER, Scope(), for_s=60.0, actor=HEADWAY)

    async def story() -> None:
        await make("stolen")
        disk.is_held = True
        given_up = asyncio.create_task(make("other"))
        await asyncio.to_thread(disk.begun.wait, DISK_S_MAX)
        given_up.cancel()  # as the time limit of a request does
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
        revoking = asyncio.create_task(keyring.revoke("stolen", HEADWAY))
        await asyncio.sleep(0)
        disk.let_go.set()
        await revoking

    asyncio.run(story())
    assert [token.name for token in disk.tokens] == ["other"]
