"""A strategy that gives its own orders: a limit order waits for a dip, and a stop order limits the loss."""

from datetime import timedelta

from orchestrator.engine import Order, Strategy


class Dips(Strategy):
    """:param dip: how far below the price of the day before it buys, as a fraction.
    :param stop: how far below its entry it sells, as a fraction.
    """

    def __init__(self, dip=0.01, stop=0.02):
        self.dip, self.stop = dip, stop
        self.session = None
        self.asked = set()

    def on_data(self, timestamp, data):
        """Called at every look at the market; what it returns is checked by the risk limits, and sent."""
        if timestamp.date() != self.session:  # orders are good for their session
            self.session, self.asked = timestamp.date(), set()
        orders = [self.order(symbol, price.value, timestamp) for symbol, price in data.items()]
        return [order for order in orders if order is not None]

    def order(self, symbol, price, timestamp):
        if symbol in self.asked:
            return None
        self.asked.add(symbol)
        position = self.context.account.positions.get(symbol)
        if position is not None:
            stop_price = round(position.avg_price * (1 - self.stop), 2)
            return Order(symbol, "sell", position.quantity, "stop", stop_price=stop_price)
        before = self.context.past_price(symbol, timestamp - timedelta(days=1)) or price
        shares = self.context.equity() * self.context.position_size_pct // price
        return Order(symbol, "buy", shares, "limit", limit_price=round(before * (1 - self.dip), 2)) if shares else None

    def on_fill(self, fill):
        self.asked.discard(fill.symbol)  # the stop comes with the next look
