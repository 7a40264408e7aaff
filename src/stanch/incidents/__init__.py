"""What people do with incidents: record, judge, triage, look up. Use cases over `stanch.db`."""
