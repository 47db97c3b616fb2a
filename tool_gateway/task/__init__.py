"""What the user's own words ask for: effects, grants, and what was only quoted."""
