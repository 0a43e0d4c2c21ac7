"""Safety: does it refuse spoken harm, and only harm?"""
