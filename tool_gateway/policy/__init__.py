"""Cross-cutting rules: questions, the engine that answers them, and the set that ships."""
