"""Imported last by the process that others are forked from (`tests.support.forks`): what is loaded stays for good.

Frozen, it is passed over by the garbage collector. Otherwise each forked process walks through all of it when it starts
an installation, and copies every page of it: three quarters of the processor time of a start.
"""

import gc

gc.collect()
gc.freeze()
