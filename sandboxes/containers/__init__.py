"""The engine's API as the docker kind needs it: containers, their streams, their evidence."""
