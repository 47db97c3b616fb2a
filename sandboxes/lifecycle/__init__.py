"""How long a sandbox lives: owners, pool, slots, restarts, what is left to reap."""
