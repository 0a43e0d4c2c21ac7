"""Runs: from a suite's name to a plan that is checked whole, to a run folder, and what is done with a finished one."""
