"""Loopback stand-ins for what cannot run here. They speak the real protocols and verify what the real ones verify."""
