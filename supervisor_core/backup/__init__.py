"""Backups of all that the files themselves do not tell, and the way back from one."""
