"""Where bytes come from: files, git, containers."""
