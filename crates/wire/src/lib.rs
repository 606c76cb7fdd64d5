//! HTTP/1.1: bytes to heads and bodies, and back
