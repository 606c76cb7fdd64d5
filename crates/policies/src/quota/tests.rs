//! Who is counted, who is refused, and what is told.
