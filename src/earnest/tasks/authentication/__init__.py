"""Authentication: does it let in the right voice and phrase, and nobody else?"""
