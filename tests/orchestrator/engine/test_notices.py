"""What has been said is said once, over restarts too; and what a kill comes before is said again."""

import pytest

from orchestrator.engine.notices import KEPT, Notices


@pytest.fixture
def notices(store):
    return Notices(store)


def restarted(store):
    again = Notices(store)
    again.load()
    return again


def test_a_notice_is_given_once_in_a_session(notices, store):
    told = []
    for _ in range(2):
        notices.once("2012-11-23", "a limit", lambda: told.append(1))
    restarted(store).once("2012-11-23", "a limit", lambda: told.append(1))
    assert told == [1]
    restarted(store).once("2012-11-26", "a limit", lambda: told.append(2))
    assert told == [1, 2]


def test_a_kill_while_it_is_told_has_it_told_again(notices, store):
    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        notices.once("2012-11-23", "a limit", killed)
    told = []
    restarted(store).once("2012-11-23", "a limit", lambda: told.append(1))
    assert told == [1]


def test_matters_are_news_once_for_all(notices, store):
    assert notices.new(["a", "b", "a"]) == ["a", "b"]
    notices.keep(["a", "b"])
    assert restarted(store).new(["b", "c"]) == ["c"]


def test_not_more_is_kept_than_can_be(notices):
    notices.keep([str(number) for number in range(KEPT + 1)])
    assert notices.new(["0", "1"]) == ["0"]
