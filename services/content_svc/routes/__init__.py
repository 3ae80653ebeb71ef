"""The HTTP edge of content_svc."""
