//! counters, histograms, the access record, the gateway's own log, text exposition
