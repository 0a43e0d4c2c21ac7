"""The field's literature: one small YAML file per work, under `works/<year>/<key>.yaml`."""

from earnest.catalogue.work import Work, keys, load, works

__all__ = ["Work", "keys", "load", "works"]
