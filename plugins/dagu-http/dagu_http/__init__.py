"""HTTP requests as steps, webhooks as notifications."""
