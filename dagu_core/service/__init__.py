"""What runs for a long time: the scheduler, the runner processes, the watch over both."""
