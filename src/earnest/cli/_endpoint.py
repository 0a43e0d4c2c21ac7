"""Options that several commands share: how a model behind an address is asked, and what it costs."""

from __future__ import annotations

import click

model_option = click.option(
    "--model-option",
    "model_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set how the model is asked; repeatable: temperature=none, header.NAME=VALUE, query.api-version=2024-10-21, "
    "key_header=api-key, stream=true, audio=data_uri, field.NAME=VALUE, timeout=300, ...",
)
judge_option = click.option(
    "--judge-option", "judge_options", multiple=True, metavar="KEY=VALUE", help="The same for every judge; repeatable."
)
price_option = click.option(
    "--price",
    multiple=True,
    metavar="[SPEC:]in=X,audio_in=X,out=X",
    help="Price in US dollars per million tokens, of the model or of SPEC; repeatable.",
)
