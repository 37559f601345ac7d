"""When things are due: pure functions of schedules and time."""
