"""How the daemon is, for those who ask: commands, scripts, service managers, a watch elsewhere."""
