"""What lies in the inbox, and which of it makes an intake now."""
