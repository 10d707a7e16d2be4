"""A whole engine of one's own, as engine.target takes it: this one counts, where yours would trade."""

from datetime import timedelta


class CountingEngine:
    def __init__(self):
        self.connected = False
        self.steps = self.decisions = 0
        self.followers = []

    # --- needed ---

    def connect(self):
        """Reach the broker. False, or an exception that says why, is a failed start."""
        self.connected = True
        return True

    def start(self, symbols):
        """Reconcile, and be ready to trade these."""
        self.symbols = symbols
        return True

    def stop(self):
        """Stop trading. Positions and resting orders stay as they are."""

    def disconnect(self):
        self.connected = False

    def is_connected(self):
        """Asked at every beat. False for engine.heartbeat_timeout is a failure."""
        return self.connected

    # --- optional ---

    def step(self, now):
        """One turn of the engine's loop. It must not block; it returns when it wants the next."""
        self.steps += 1
        return now + timedelta(seconds=0.2)

    def rebalance(self, decision=None):
        """Called by the job rebalance; `decision` names the occasion. The answer is for the log."""
        self.decisions += 1
        for symbol in self.symbols:
            self.tell_of_fill(symbol)  # invented, to be seen in the alerts; yours comes from your broker
        return f"decision {decision}: nothing to do"

    def progress(self):
        """Seen in the status. The daemon restarts an engine whose `steps` stand still while the market is open."""
        return {"steps": self.steps, "decisions": self.decisions}

    def halt(self, flatten):
        """Called twice a second after `orchestrator halt`, until it returns True: all is cancelled, or sold."""
        return True

    def register_fill_callback(self, callback):
        """Whoever registers is called with a record, an object or a mapping; the daemon makes alerts of it."""
        self.followers.append(callback)

    def tell_of_fill(self, symbol):
        record = {"symbol": symbol, "action": "BUY", "total_quantity": 1, "filled_quantity": 1, "avg_fill_price": 100.0}
        for follower in self.followers:
            follower({**record, "order_type": "MARKET", "status": "Filled"})
