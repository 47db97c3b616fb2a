"""The operator's rules on arguments: paths into them, and what each constraint means."""
