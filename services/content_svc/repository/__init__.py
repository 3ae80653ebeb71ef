"""Every SQL statement of content_svc."""
