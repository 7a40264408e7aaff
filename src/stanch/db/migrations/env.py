"""Not used: `stanch.db.migrate` runs the scripts inside its own unit of work."""
