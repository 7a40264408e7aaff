"""The use case: from what a user names to a report."""
