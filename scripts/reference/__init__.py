"""Recipe of the reference model: texts, voices, data, training, evaluation, export."""
