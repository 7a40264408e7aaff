"""Telling people: notices, who gets which, when, in what form, and through which channel. Storage is somebody else's."""
