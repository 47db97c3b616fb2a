"""What a value's origin means for a call: grants, uniqueness, derived values, free text, the task's scope."""
