"""Leaving this machine safely: strict addresses, checked hosts, deadlines, proxies, bounded answers. Knows no issuer."""
