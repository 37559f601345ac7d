"""The plugin of the guide "Write a plugin"."""
