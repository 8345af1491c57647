"""The settings, a class for each part of the house; `supervisor_core.settings` is all of them."""
