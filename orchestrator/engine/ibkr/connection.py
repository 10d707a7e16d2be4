"""The one connection to the gateway, as a machine that is turned: it connects, asks for everything, and watches.

A connection that is lost is not repaired but replaced, with growing pauses. It counts as ready when the account is one
that may be traded and each of the questions in :attr:`Connection.questions` has been answered; both are done anew for
each connection, and the questions also after IB's servers were away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from typing import Any

from calendars import Clock
from orchestrator.engine.ibkr.client_library import library, new_client
from orchestrator.engine.ibkr.codes import FARMS, Sense, farm, sense
from orchestrator.engine.ibkr.outage import Outage
from orchestrator.engine.ibkr.pulse import PULSE_ANSWER, Pulse
from orchestrator.engine.ibkr.pump import Pump
from orchestrator.engine.ibkr.trouble import Endpoint, closed, handshake_trouble, id_in_use, outdated, read_only
from orchestrator.engine.interface import EngineError, EngineUnreachable

__all__ = ["Connection", "Question", "State"]

logger = logging.getLogger(__name__)

HANDSHAKE = 10.0
"""Seconds until the gateway has said who is logged in."""

ANSWER = 10.0
"""Seconds for the answer to each question."""

SHORTEST_ATTEMPT = 0.5
"""Seconds for an attempt, even if there is no time left for it: what comes of it is the reason that is given."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts; the pause doubles."""

MOMENT = 0.25
"""Seconds that a turn may take while a connection is being made."""

Question = tuple[str, Callable[[Any], Awaitable[Any]]]
"""What is asked, for texts, and how, given the client."""

Hearing = Callable[..., object]


class State(Enum):
    DOWN = auto()
    CONNECTING = auto()
    ASKING = auto()
    READY = auto()


class Connection:
    """:param choose_account: from the login's accounts to the one that is traded; raises EngineRefused.
    :param reconnects: whether a connection that is lost is replaced; otherwise the turn raises EngineError.

    `hears` maps the library's message names to those who want to hear them; `claims` are asked whether a code of a
    request is theirs; `on_greeting` is called when the account is known to be the right one, `on_ready` when everything
    has been answered, `on_loss` when the connection is gone.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        choose_account: Callable[[list[str]], str],
        outage: Outage,
        clock: Clock,
        *,
        reconnects: bool = True,
    ) -> None:
        self.endpoint, self.outage, self.pump = endpoint, outage, Pump()
        self._choose_account, self._monotonic, self.now = choose_account, clock.monotonic, clock.now
        self._reconnects = reconnects
        self.state = State.DOWN
        self.client: Any = None
        self.account = ""
        self.next_order_id = 0
        """As the gateway last said it for our client id: every lower one it has seen."""
        self.farms: dict[str, str] = {}
        self.trouble = ""
        """Why it is not ready; empty if it is."""
        self.questions: list[Question] = []
        self.hears: dict[str, list[Hearing]] = {"nextValidId": [self._heard_next_id]}
        self.claims: list[Callable[[int, int, str], bool]] = []
        self.on_greeting: list[Callable[[], None]] = []
        self.on_ready: list[Callable[[], None]] = []
        self.on_loss: list[Callable[[], None]] = []
        self.on_open: Callable[[], None] = lambda: None
        self.on_close: Callable[[], None] = lambda: None
        self.reset_data = False
        """Whether market data has to be asked for anew after IB's servers were away."""
        self._repeat = False
        self._cut = ""
        """What is to be said while IB's servers are away; empty while they are there."""
        self.opened = False
        """Whether :meth:`open` has done its part."""
        self._away = False
        """Whether there has been a loss since it was last ready."""
        self._lost = ""
        self._work: asyncio.Task[Any] | None = None
        self._pulse = Pulse(self.pump)
        self._retry_at = 0.0
        self._pause = FIRST_PAUSE
        self._failure: BaseException | None = None

    # --- what others see ---

    @property
    def ready(self) -> bool:
        """Whether everything is known, and orders may be sent."""
        return self.state is State.READY and not self._cut

    def open(self, patience: float, now: datetime) -> None:
        """Make the connection, with as many attempts as there is time for; in a maintenance window with one.

        :param patience: seconds.
        :raises EngineRefused: the account may not be traded.
        :raises EngineUnreachable: it can't be had, saying what to do.
        """
        self.on_open()
        self.pump.prepare()
        library()  # to import it takes a while
        end = self.pump.time() + patience
        self._begin()
        while True:
            left = max(end - self.pump.time(), SHORTEST_ATTEMPT)
            self._finish(min(HANDSHAKE + ANSWER * len(self.questions), left), now)
            if self.ready or self.outage.resting(now):
                self.opened, self._away = True, not self.ready
                return
            left = end - self.pump.time()
            if left <= self._pause:
                raise EngineUnreachable(self.trouble or f"{self.endpoint} was not ready within {patience:g} s")
            self.pump.pause(self._pause)
            if self.state is State.DOWN:
                self._begin()
            else:  # connected, and IB's servers are away: a second connection would find our client id in use
                self.turn(now)

    def _finish(self, seconds: float, now: datetime) -> None:
        """Go on until it is ready or has failed."""
        end = self.pump.time() + seconds
        while self._work is not None and self.pump.time() < end:
            self.pump.wait(self._work, end - self.pump.time())
            self.turn(now)
        if self._work is not None:
            self._lose(f"{self.endpoint} did not get ready in time")

    def turn(self, now: datetime) -> None:
        """Hear what there is to hear, and make the moves that are due.

        :raises EngineRefused: a new connection has an account that may not be traded.
        """
        self.pump.turn()
        if self._work is not None:
            self.pump.wait(self._work, 0 if self._lost or self._failure else MOMENT)
        self._raise_failure()
        self._move()
        if self.ready:
            self._away = False
            self.outage.back(now)
        elif self._away:
            self.outage.gone(now, self.trouble or f"{self.endpoint} is being asked for everything")

    def ask_again(self, why: str) -> None:
        """Put all questions anew; until they are answered nothing is sent."""
        if self.state is State.READY:  # READY -> ASKING
            logger.info("everything is asked again: %s", why)
            self._ask()
        elif self.state is State.ASKING:
            self._repeat = True

    def close(self) -> None:
        """Let what was sent reach the gateway, and leave."""
        if self.client is not None and self.state is State.READY:
            self._pulse.finish(self.client)
        self._drop(gently=True)
        self.state = State.DOWN
        self.pump.close()
        self.on_close()

    # --- moves ---

    def _move(self) -> None:
        work, at = self._work, self._monotonic()
        if self._lost and self.state is not State.DOWN:  # CONNECTING, ASKING, READY -> DOWN
            self._lose(self._lost)
        elif self.state is State.DOWN and at >= self._retry_at:  # DOWN -> CONNECTING
            self._begin()
        elif work is not None and work.done():
            self._work = None
            error = work.exception()
            if error is not None:  # CONNECTING, ASKING -> DOWN
                self._lose(self._describe(error))
            elif self.state is State.CONNECTING:  # CONNECTING -> ASKING
                self._greet()
            elif self._repeat:  # ASKING, once more
                self._ask()
            else:  # ASKING -> READY
                self._arrive()
        elif self.state is State.READY and self._pulse.is_silent(self.client, at):
            self._lose(f"{self.endpoint} is silent: it has not told the time within {PULSE_ANSWER:g} s")

    def _begin(self) -> None:
        self.state, self._cut, self._lost = State.CONNECTING, "", ""
        self.trouble = f"{self.endpoint} is being connected to"
        self.pump.prepare()
        self.client = new_client(self)
        self.client.client.conn.disconnected += self._socket_closed
        self.client.wrapper.clientId = self.endpoint.client_id
        self._work = self.pump.start(self._connect(self.client))

    async def _connect(self, client: Any) -> None:
        at = self.endpoint
        await asyncio.wait_for(client.client.connectAsync(at.host, at.port, at.client_id, HANDSHAKE), HANDSHAKE)

    def _greet(self) -> None:
        """The first thing that is looked at is whose money it is."""
        try:
            self.account = self._choose_account(list(self.client.client.getAccounts()))
            for greeted in self.on_greeting:
                greeted()
        except EngineError:
            self._drop(gently=True)
            self.state = State.DOWN
            raise
        logger.info(
            "connected to %s as client %d, account %s, server version %s",
            self.endpoint,
            self.endpoint.client_id,
            self.account,
            self.client.client.serverVersion(),
        )
        self._ask()

    def _ask(self) -> None:
        self.state, self._repeat = State.ASKING, False
        self.trouble = f"{self.endpoint} is being asked for everything"
        self._work = self.pump.start(self._put_questions(self.client))

    async def _put_questions(self, client: Any) -> None:
        """One after the other, in order; each must be answered."""
        client.client.reqIds(1)
        for what, ask in [*self.questions, ("the time", lambda client: client.reqCurrentTimeAsync())]:
            try:
                await asyncio.wait_for(ask(client), ANSWER)
            except TimeoutError:
                raise EngineError(f"{self.endpoint} did not tell {what} within {ANSWER:g} s") from None

    def _arrive(self) -> None:
        self.state, self.trouble = State.READY, self._cut
        self._pause = FIRST_PAUSE
        self._pulse.begin(self._monotonic())
        for arrived in self.on_ready:
            arrived()
        self.reset_data = False

    def _lose(self, why: str) -> None:
        """CONNECTING, ASKING, READY -> DOWN"""
        logger.warning("no connection: %s", why)
        self._drop(gently=False)
        self.state, self.trouble = State.DOWN, why
        self._away = self.opened
        self._retry_at = self._monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        for lost in self.on_loss:
            lost()
        if self.opened and not self._reconnects:
            raise EngineUnreachable(f"{why}; data.enable_reconnect is false, so it is not tried again")

    def _drop(self, *, gently: bool) -> None:
        """Have done with this client. What a broken connection has not sent must not be sent later."""
        client, self.client = self.client, None
        self._pulse.end()
        if self._work is not None:
            self.pump.end(self._work)
            self._work = None
        if client is None:
            return
        client.client.conn.disconnected -= self._socket_closed
        transport = client.client.conn.transport
        if transport is not None and not gently:
            transport.abort()
        with suppress(OSError):  # an end of file can't be written to a socket that is gone
            client.client.disconnect()
        self.pump.turn()

    def _socket_closed(self, _: str) -> None:
        """Called by the library in the middle of its work: only a note is made."""
        early = self.state is State.CONNECTING
        self._note_loss(closed(self.endpoint) if early else f"{self.endpoint} closed the connection")

    def _note_loss(self, why: str) -> None:
        """The first reason counts; the turn acts on it."""
        self._lost = self._lost or why
        self.pump.wake()

    def _note_failure(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.pump.wake()

    # --- hearing, in the middle of the library's work ---

    def hear(self, message: str, *facts: Any) -> None:
        """A message of the gateway. What a listener raises comes out of the turn, not out of the library's log."""
        for heard in self.hears.get(message, ()):
            try:
                heard(*facts)
            except Exception as error:  # noqa: BLE001 - raised again by the turn
                self._note_failure(error)

    def hear_error(self, request: int, code: int, text: str) -> bool:
        """A code of the gateway; whether the library need not know."""
        try:
            return self._take_code(request, code, text)
        except Exception as error:  # noqa: BLE001 - raised again by the turn
            self._note_failure(error)
            return True

    def _take_code(self, request: int, code: int, text: str) -> bool:
        if request >= 0 and any(claim(request, code, text) for claim in self.claims):
            return True
        meaning = sense(code)
        if meaning is Sense.FARM:
            self.farms[farm(text)] = FARMS[code]
        log = logger.debug if meaning is Sense.FARM and FARMS[code] != "broken" else logger.warning
        log("the gateway says %d: %s", code, text)
        if meaning in SYSTEM:
            SYSTEM[meaning](self, text)
        return request < 0

    def _servers_gone(self, text: str) -> None:
        self._away = True
        self._cut = self.trouble = f"{self.endpoint} has lost the connection to IB's servers ({text})"

    def _servers_back(self, _: str) -> None:
        self._cut = ""
        self.ask_again("IB's servers are back")

    def _servers_back_empty(self, text: str) -> None:
        self.reset_data = True
        self._servers_back(text)

    def _id_in_use(self, _: str) -> None:
        self._note_loss(id_in_use(self.endpoint))

    def _leaving(self, text: str) -> None:
        self._note_loss(f"{self.endpoint} is leaving ({text})")

    def _read_only(self, text: str) -> None:
        if "read-only" in text.lower():
            self._note_failure(EngineError(read_only(self.endpoint)))

    def _outdated(self, text: str) -> None:
        self._note_failure(EngineError(outdated(self.endpoint, text)))

    def _heard_next_id(self, number: int) -> None:
        self.next_order_id = number

    def _describe(self, error: BaseException) -> str:
        if isinstance(error, EngineError):
            return str(error)
        if self.state is State.ASKING:
            return f"{self.endpoint} was asked and failed: {error}"
        return handshake_trouble(error, self.endpoint)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


SYSTEM: dict[Sense, Callable[[Connection, str], None]] = {
    Sense.CUT: Connection._servers_gone,
    Sense.BACK: Connection._servers_back,
    Sense.BACK_EMPTY: Connection._servers_back_empty,
    Sense.ID_IN_USE: Connection._id_in_use,
    Sense.LEAVING: Connection._leaving,
    Sense.READ_ONLY: Connection._read_only,
    Sense.OUTDATED: Connection._outdated,
}
