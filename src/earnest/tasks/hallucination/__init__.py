"""Hallucination: does it report only what can be heard?"""
