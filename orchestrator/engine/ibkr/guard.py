"""Which account may be traded: judged by the account itself, never by the port."""

from collections.abc import Sequence

from orchestrator.config import TradingConfig
from orchestrator.engine.interface import EngineRefused

__all__ = ["choose_account", "is_paper"]


def is_paper(account: str) -> bool:
    """IB's paper accounts begin with D: DU for a single one, DF for an advisor's."""
    return account.upper().startswith("D")


def choose_account(config: TradingConfig, accounts: Sequence[str]) -> str:
    """The account that the config means, of those that the login has.

    :raises EngineRefused: none of them may be traded in this mode.
    """
    wanted, shown = config.broker.account_number, ", ".join(accounts) or "none"
    if wanted is not None and wanted not in accounts:
        raise EngineRefused(
            f"broker.account_number is {wanted}, and the login at {_where(config)} has {shown}: nothing is traded. "
            "Log in with the other user, or correct broker.account_number."
        )
    if config.mode == "live":
        return _live(config, wanted)
    if wanted is None and len(accounts) > 1:
        raise EngineRefused(
            f"the login at {_where(config)} has several accounts ({shown}), and broker.account_number names none: "
            "nothing is traded. Write the one that is to be traded there."
        )
    return _paper(config, wanted or (accounts[0] if accounts else ""))


def _live(config: TradingConfig, wanted: str | None) -> str:
    if wanted is None:
        raise EngineRefused(
            "mode is live, and broker.account_number names no account: nothing is traded. Write it there."
        )
    if is_paper(wanted):
        raise EngineRefused(
            f"mode is live, and {wanted} at {_where(config)} is a paper account: nothing is traded. "
            "Log in to the live account, or write mode: paper."
        )
    return wanted


def _paper(config: TradingConfig, account: str) -> str:
    if not is_paper(account):
        raise EngineRefused(
            f"mode is paper, and {account or 'the login'} at {_where(config)} is no paper account: nothing is traded. "
            "Paper accounts begin with D. Log in to the paper account; for real money write mode: live."
        )
    return account


def _where(config: TradingConfig) -> str:
    return f"{config.broker.host}:{config.broker.port}"
