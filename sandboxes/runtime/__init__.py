"""What sandboxes run on: engine, image, Node, and the facts about the host."""
