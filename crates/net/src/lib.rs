//! listeners, connecting, streams, timers
