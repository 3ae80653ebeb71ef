"""Request and response bodies of content_svc."""
