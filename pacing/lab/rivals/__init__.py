"""Other dialers' pacing, written anew from their published rules, to be measured beside ours.

Each reads the same floor as ours does and nothing else. What a rule leaves open is said where it is decided. Left out is
what isn't pacing: their search for an agent after the answer (ours is at once), trunk limits, server counts, a second of
dead air here and there. So each is shown at its best.
"""
