"""The jobs of the daemon: what is due, what runs it, what became of it."""
