"""The two apps that `flwr run` loads."""
