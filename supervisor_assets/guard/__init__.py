"""What stands before the web pages: who may ask for what, and for how long."""
