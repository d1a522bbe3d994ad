"""The demonstration: a real PBX, a simulated public network, agents who act, and a check of the record."""
