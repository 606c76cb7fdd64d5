//! heads, header fields, targets and bodies of HTTP messages: no sockets, no tasks, no clock
