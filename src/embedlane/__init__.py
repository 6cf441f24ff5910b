"""Embed a corpus through interchangeable providers, into indexes that never mix two models.

The names below are the library's public surface; they are imported when they are first used, so that
``import embedlane`` stays cheap. Plugin authors import from `embedlane.plugin`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
