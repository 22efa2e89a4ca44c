"""Many people, real processes, kills and faults for minutes on end; then: did everything arrive, in order, once?"""
