"""Post-processing of released things: nothing here can see a real row.

Sees: released parameters, mixtures, noisy marginals, released counts. Costs no privacy,
so it may take as many steps as wanted and be done again at will.
"""
