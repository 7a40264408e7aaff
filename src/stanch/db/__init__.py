"""Tables, migrations and queries. Everything that is SQL stands here, and nothing else."""
