"""Measurements that print ratios taken side by side in one run; the machine's speed cancels out."""
