"""Fairness: is everybody served alike, whoever speaks?"""
