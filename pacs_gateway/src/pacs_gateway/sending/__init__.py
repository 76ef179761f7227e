"""Results on their way out: C-STORE with storage commitment, and STOW-RS."""
