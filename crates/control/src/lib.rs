//! admin listener, metrics page, configuration sources
