"""Memory, processors, processes and disk: set, read back, watched."""
