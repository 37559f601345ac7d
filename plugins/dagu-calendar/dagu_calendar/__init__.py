"""Holidays, business days and calendar files for schedules."""
