"""What a key blob is and how dangerous: bytes in, facts out. No files, no network, no clock."""
