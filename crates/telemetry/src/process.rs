//! What the kernel says of this process, for the `process_*` families. Linux only: elsewhere there is no `/proc`, and
//! the families are left out.

use std::fs;

/// Units of CPU time in `/proc/self/stat`: 1/100 s for programs on every architecture (`USER_HZ`, proc(5)).
const TICK_MICROS: u64 = 10_000;

/// The use of resources, as it was when asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessUse {
    /// User and system time of all threads.
    pub(crate) cpu_micros: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) virtual_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) open_descriptors: Option<u64>,
    /// The soft limit; `None` also when there is none.
    pub(crate) max_descriptors: Option<u64>,
}

impl ProcessUse {
    /// Asks the kernel. What it does not tell is `None`.
    pub(crate) fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let status = text("/proc/self/status");
        Self {
            cpu_micros: cpu_micros(&text("/proc/self/stat")),
            resident_bytes: status_number(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024),
            virtual_bytes: status_number(&status, "VmSize:").map(|kilobytes| kilobytes * 1024),
            threads: status_number(&status, "Threads:"),
            open_descriptors: open_descriptors(),
            max_descriptors: max_descriptors(&text("/proc/self/limits")),
        }
    }
}

/// Fields 14 and 15 of proc(5) `stat`; the name, field 2, may itself hold spaces and parentheses.
fn cpu_micros(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * TICK_MICROS)
}

fn status_number(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// The directory that is read is itself open while it is counted.
fn open_descriptors() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    u64::try_from(entries.count()).ok()?.checked_sub(1)
}

fn max_descriptors(limits: &str) -> Option<u64> {
    status_number(limits, "Max open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) R 1 1 1 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 3 0 12345 1000 200";
        assert_eq!(cpu_micros(stat), Some(3_000_000));
        assert_eq!(cpu_micros("garbage"), None);
    }

    #[test]
    fn numbers_are_found_by_name() {
        let status = "Name:\tx\nVmSize:\t    2048 kB\nVmRSS:\t 12 kB\nThreads:\t5\n";
        assert_eq!(status_number(status, "VmRSS:"), Some(12));
        assert_eq!(status_number(status, "VmSwap:"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024  4096  files\n";
        assert_eq!(max_descriptors(limits), Some(1024));
        assert_eq!(max_descriptors("Max open files            unlimited  unlimited  files\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let told = ProcessUse::read();
        assert!(told.resident_bytes.unwrap() > 0 && told.virtual_bytes >= told.resident_bytes);
        assert!(
            told.open_descriptors.unwrap() >= 3 && told.threads.unwrap() >= 1 && told.cpu_micros.is_some()
        );
    }
}
