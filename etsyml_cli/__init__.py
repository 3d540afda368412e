"""Search ranking, personalization and ad click prediction on a marketplace's own logs."""

__version__ = "0.1.0"
