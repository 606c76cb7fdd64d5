//! the compiled route table
