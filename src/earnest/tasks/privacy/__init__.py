"""Privacy: does it keep what it hears to those entitled to it?"""
