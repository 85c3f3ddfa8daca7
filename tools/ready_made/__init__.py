"""Makes e5-small-zh, an encoder of 12 layers, from 4-bit weights in a package of the registry."""
