"""What a scan was told: settings, where they came from, what is accepted."""
