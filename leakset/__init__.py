"""The project's own leak test: identifiers drawn onto footage, and a judge that looks for them.

`draw` makes clips whose every drawn letter is known, `judge` measures how much of those letters a
cleaned file still shows, `run` does both for all cases. Nothing in here shares code with the
detector of `supervisor_core.cleaning`: what it overlooks, the judge must not overlook too.
"""
