"""Verified files in a bucket of the operator's."""
