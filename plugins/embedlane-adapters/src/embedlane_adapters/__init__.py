"""Every model of embedlane, for other libraries: one module each, which imports its library and no other."""
