//! the contracts of policies: phases, verdicts, needs, faults, values, test harness
