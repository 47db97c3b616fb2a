"""Words and how they bend, in the languages that are read here: data, and nothing of tools."""
