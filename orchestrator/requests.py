"""The daemon's side of the control path: it looks for requests, carries them out, and answers in their rows."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from jobs import JobSpec
from orchestrator.control import LOOK_EVERY, REFUSED, Request, RequestRefused, answer, last_request, unanswered
from orchestrator.store import Store

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["RequestDesk"]

logger = logging.getLogger("orchestrator")

NOW = datetime.min.replace(tzinfo=UTC)


class RequestDesk:
    """Serves the table of requests."""

    def __init__(self, loop: "Loop", store: Store) -> None:
        self._loop, self._store = loop, store
        self._next_look, self._woken = NOW, False
        self._last_before = last_request(store)
        self._answers: dict[int, tuple[bool, Any]] = {}
        """Of requests whose answer could not be written yet: they are not carried out again."""
        self._kinds: Mapping[str, Callable[[Mapping[str, Any], datetime], Any]] = {
            "stop": self._stop,
            "halt": lambda args, now: loop.operator.halt(str(args["reason"]), bool(args.get("flatten")), now),
            "resume": lambda args, now: loop.operator.resume(str(args["reason"]), now),
            "start engine": lambda args, now: loop.operator.start_engine(now),
            "stop engine": lambda args, now: loop.operator.stop_engine(now),
            "restart engine": lambda args, now: loop.operator.restart_engine(now),
            "reload": lambda args, now: loop.adoption.reload(now),
            "run job": lambda args, now: loop.runner.run_now(self._job(args), now),
            "pause job": self._pause,
            "resume job": self._resume,
            "retry alerts": lambda args, now: loop.outbox.retry(args["ids"]),
        }

    @property
    def asked(self) -> bool:
        """Whether somebody has put a request and said so."""
        return self._woken

    def look_now(self) -> None:
        """Somebody has put a request: look at the next turn."""
        self._next_look, self._woken = NOW, True

    def look(self, now: datetime) -> datetime:
        """Serve what waits, if it is time to look; returns when to look again."""
        if now >= self._next_look:
            self._next_look, self._woken = now + LOOK_EVERY, False
            for request in unanswered(self._store, now, self._loop.started_at, self._last_before):
                self._serve(request, now)
        return self._next_look

    def _serve(self, request: Request, now: datetime) -> None:
        if request.id not in self._answers:
            self._answers[request.id] = self._reply(request, now)
        if not self._loop.history.flush(force=True):  # what is answered must hold over a kill
            logger.warning("request %s was carried out, and can't be written down yet", request.kind)
            return
        try:
            answer(self._store, request, now, *self._answers[request.id])
            del self._answers[request.id]
        except SQLAlchemyError as error:
            logger.warning("request %s was carried out, its answer can't be written: %s", request.kind, error)

    def _reply(self, request: Request, now: datetime) -> tuple[bool, Any]:
        details = ", ".join(f"{key} {value}" for key, value in request.args.items())
        logger.info("request %s%s", request.kind, f": {details}" if details else "")
        try:
            return True, self._carry_out(request, now)
        except RequestRefused as refusal:
            return False, {REFUSED: str(refusal)}
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked shall know, and the loop goes on
            return False, str(getattr(error, "orig", None) or (error.args or [type(error).__name__])[0])

    def _carry_out(self, request: Request, now: datetime) -> Any:
        if request.kind not in self._kinds:
            raise LookupError(f"this daemon knows no request {request.kind!r}")
        return self._kinds[request.kind](request.args, now)

    def _stop(self, args: Mapping[str, Any], now: datetime) -> str:
        self._loop.stop("somebody asked for it")
        return "stopping"

    def _pause(self, args: Mapping[str, Any], now: datetime) -> str:
        self._loop.schedule.scheduler.pause_job(self._enabled(args).name)
        return "paused"

    def _resume(self, args: Mapping[str, Any], now: datetime) -> str:
        self._loop.schedule.scheduler.resume_job(self._enabled(args).name)
        return "resumed"

    def _enabled(self, args: Mapping[str, Any]) -> JobSpec:
        spec = self._job(args)
        if not spec.enabled:
            raise LookupError(f"{spec.name} is switched off in the config; it does not fire anyway")
        return spec

    def _job(self, args: Mapping[str, Any]) -> JobSpec:
        name, specs = str(args["name"]), self._loop.schedule.specs
        if name not in specs:
            raise LookupError(f"no job {name!r}; these are: {', '.join(sorted(specs))}")
        return specs[name]
