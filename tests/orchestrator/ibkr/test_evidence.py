"""What has become of an order, judged by what the gateway says: each case with its reason."""

import pytest

from orchestrator.engine.ibkr.evidence import Fate, Trace, judge
from orchestrator.engine.records import OrderStatus

CASES = [
    # it is where it should be
    ({"open": True}, Fate.WORKING, OrderStatus.SUBMITTED, ""),
    ({"open": True, "executed": 5}, Fate.WORKING, OrderStatus.SUBMITTED, ""),
    ({"executed": 10}, Fate.FILLED, OrderStatus.FILLED, ""),
    # executions stand above every list
    ({"executed": 10, "open": True, "completed": "Cancelled"}, Fate.FILLED, OrderStatus.FILLED, ""),
    ({"executed": 10, "arrived": False}, Fate.FILLED, OrderStatus.FILLED, ""),
    # lists stand above numbers and complaints
    ({"open": True, "arrived": False, "complaint": "Duplicate order id"}, Fate.WORKING, OrderStatus.SUBMITTED, ""),
    ({"completed": "Cancelled", "why": "Cancelled by Trader"}, Fate.OVER, OrderStatus.CANCELLED, "Cancelled by Trader"),
    ({"completed": "Cancelled", "executed": 4}, Fate.OVER, OrderStatus.CANCELLED, "the broker says Cancelled"),
    ({"completed": "Inactive", "why": "no money"}, Fate.OVER, OrderStatus.ERROR, "no money"),
    ({"completed": "Cancelled", "refused": True, "complaint": "no"}, Fate.OVER, OrderStatus.ERROR, "no"),
    ({"completed": "Filled"}, Fate.OVER, OrderStatus.FILLED, "filled while nobody listened; 0 of it are on record"),
    # in no list
    ({"executed": 4}, Fate.OVER, OrderStatus.CANCELLED, "the broker has not filled the rest"),
    ({"complaint": "bad price"}, Fate.OVER, OrderStatus.ERROR, "bad price"),
    ({"complaint": "bad price", "arrived": False}, Fate.OVER, OrderStatus.ERROR, "bad price"),
    ({"arrived": False}, Fate.UNSENT, OrderStatus.PENDING, "it has not reached the broker"),
    (
        {"arrived": True},
        Fate.OVER,
        OrderStatus.ERROR,
        "it has reached the broker, which tells nothing of it any more; it is not sent again",
    ),
    (
        {"arrived": None},
        Fate.OVER,
        OrderStatus.ERROR,
        "it can't be told whether it has reached the broker, which tells nothing of it; it is not sent again",
    ),
]


@pytest.mark.parametrize(("facts", "fate", "status", "reason"), CASES)
def test_a_trace_is_judged(facts, fate, status, reason):
    verdict = judge(Trace(quantity=10, **facts))
    assert (verdict.fate, verdict.status, verdict.reason) == (fate, status, reason)


def test_only_an_order_whose_number_has_not_arrived_is_ever_unsent():
    for open_ in (False, True):
        for completed in (None, "Filled", "Cancelled", "Inactive"):
            for executed in (0, 4, 10):
                for complaint in ("", "no"):
                    for arrived in (None, True, False):
                        trace = Trace(10, open_, completed, "", executed, complaint, bool(complaint), arrived)
                        bare = not (open_ or completed or executed or complaint)
                        assert (judge(trace).fate is Fate.UNSENT) == (bare and arrived is False)
