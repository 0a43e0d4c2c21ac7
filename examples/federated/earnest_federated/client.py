"""The client of `flwr run`."""

from earnest.privacy.federated.apps import client_app

app = client_app()
