"""What a person on call needs to know of each reason and check, by what they are about."""
