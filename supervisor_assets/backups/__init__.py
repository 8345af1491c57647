"""The nightly backup, and whether there is a young one."""
