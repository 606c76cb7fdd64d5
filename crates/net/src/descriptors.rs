//! The limit of open file descriptors, which is the limit of connections.
//! The program raises it once, at its start.
#![expect(unsafe_code, reason = "getrlimit and setrlimit have no safe form in the libraries used here")]

use std::io;

/// Raises this process's soft limit of open descriptors to its hard limit, and answers with the limit now in force.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live, initialised struct of the type that the call fills.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        // SAFETY: the pointer is to a live, initialised struct that the call only reads.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } != 0 {
            return Ok(limit.rlim_cur);
        }
        return Ok(raised.rlim_cur);
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_to_the_hard_limit_and_stays_there() {
        let first = raise_descriptor_limit().unwrap();
        assert!(first > 0);
        assert_eq!(raise_descriptor_limit().unwrap(), first);
    }
}
