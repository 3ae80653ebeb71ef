"""One function per business action of content_svc."""
