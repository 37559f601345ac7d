"""Mail as steps and as notifications."""
