"""Which weights are active: groups and regions, initial topologies, drop and grow scores, and the trainer's surgery.

A strategy returns scores; only ``dsn.sparsity.trainer`` edits masks. Needs numpy, not torch: the masks of every engine
are decided here, on the host, from the same random numbers.
"""
