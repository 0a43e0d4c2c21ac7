"""Robustness: does it hold when the sound gets worse?"""
