"""Instructions that a person beside the microphone does not notice, or takes for something else."""
