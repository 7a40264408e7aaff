"""The HTTP API under ``/api/v1``, sign-in, health and metrics. Pages stand on top of it, in `stanch.web`."""
