"""The server of `flwr run`."""

from earnest.privacy.federated.apps import server_app

app = server_app()
