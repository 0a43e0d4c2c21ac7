"""What happens to audio without anybody's intent; no goal is needed, accuracy under it is the measure."""
