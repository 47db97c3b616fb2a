"""Which system calls a server may make, as an engine profile and as a BPF program."""
