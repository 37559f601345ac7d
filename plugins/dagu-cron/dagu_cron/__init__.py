"""Schedules in cron notation, with seconds, zones and exclusions."""
