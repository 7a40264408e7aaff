"""The dashboard: pages made on the server, progressively enhanced.

A page is a route in `stanch.web.pages` and a template; what templates share is in `stanch.web.templating`.
"""
