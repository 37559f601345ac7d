"""Schedules by sunrise and sunset."""
