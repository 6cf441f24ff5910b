"""For plugins whose model runs on this machine: a batch lane without a service, and its settings.

A module of its own, because it imports numpy; import it where the route is opened, not in the entry module.
"""

from embedlane.providers.builtin.settings import Settings
from embedlane.providers.builtin.spool import SpoolEmbedder, open_spool, spool_limits

__all__ = ["Settings", "SpoolEmbedder", "open_spool", "spool_limits"]
