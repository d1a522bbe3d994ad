"""What a call meant, and what happens next."""
