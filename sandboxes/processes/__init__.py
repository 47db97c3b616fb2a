"""Child processes as the bubblewrap and unconfined kinds need them, and what the kernel says of them."""
