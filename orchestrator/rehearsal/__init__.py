"""A rehearsal: the very daemon on a machine that exists in memory only, disturbed and watched."""
