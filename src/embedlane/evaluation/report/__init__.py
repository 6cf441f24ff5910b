"""A comparison as one page that needs no network. What draws it is the extra ``embedlane[report]``."""
