"""Deepfake: does it tell made speech from spoken speech?"""
