//! the built-in policies and their catalogue
