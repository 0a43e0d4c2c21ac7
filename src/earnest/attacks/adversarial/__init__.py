"""Attacks that compute a change of the waveform from the model's gradients or scores."""
