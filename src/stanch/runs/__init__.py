"""Durable runs. `port` is all that others need to know; `durable` is the only module that knows DBOS."""
