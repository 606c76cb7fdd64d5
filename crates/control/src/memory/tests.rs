//! Systems as files: version 1 and 2 of control groups, containers, and none.

use maitred_config::scalar::percent;

use super::*;

/// A system of these files, gone at the end.
struct System(PathBuf);

impl System {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("maitred-memory-{}-{name}", std::process::id()));
        for (path, content) in files {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        Self(root)
    }

    fn budget(&self, bound: Option<&Toggle<MemoryBound>>) -> Option<(u64, Option<u64>)> {
        MemoryBudget::of(bound, &self.0).map(|budget| (budget.bound, budget.used()))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const STATUS: (&str, &str) = ("proc/self/status", "Name:\tmaitred\nVmRSS:\t  9000 kB\nRssAnon:\t  2048 kB\n");
const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\n");

fn share(text: &str) -> Toggle<MemoryBound> {
    Toggle::On(MemoryBound::Share(percent::parse(text).unwrap()))
}

#[test]
fn the_least_limit_of_the_groups_counts_in_version_2() {
    let system = System::new(
        "v2",
        &[
            ("proc/self/cgroup", "0::/slice/unit\n"),
            ("sys/fs/cgroup/slice/unit/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/memory.max", "10000\n"),
            ("sys/fs/cgroup/slice/memory.current", "8000\n"),
            ("sys/fs/cgroup/slice/memory.stat", "anon 5000\ninactive_file 1500\n"),
            STATUS,
            MEMINFO,
        ],
    );
    assert_eq!(system.budget(None), Some((9000, Some(6500))));
    assert_eq!(system.budget(Some(&share("50%"))), Some((5000, Some(6500))));
    assert_eq!(system.budget(Some(&Toggle::Off)), None);
    assert_eq!(system.budget(Some(&Toggle::On(MemoryBound::Size(77)))), Some((77, Some(2 << 20))));
}

#[test]
fn a_container_of_version_1_finds_its_group_at_the_top() {
    let system = System::new(
        "v1",
        &[
            ("proc/self/cgroup", "12:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/x\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"),
        ],
    );
    assert_eq!(system.budget(None), Some((1800, Some(1200))));
}

#[test]
fn without_a_limit_only_a_bound_that_is_written_is_kept() {
    let none = System::new(
        "none",
        &[
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            STATUS,
            MEMINFO,
        ],
    );
    assert_eq!(none.budget(None), None);
    assert_eq!(none.budget(Some(&share("50%"))), Some((512_000, Some(2 << 20))));
    let old = System::new("old", &[("proc/self/status", "VmRSS:\t 3 kB\n")]);
    assert_eq!(old.budget(Some(&Toggle::On(MemoryBound::Size(5)))), Some((5, Some(3072))));
    let empty = System::new("empty", &[("proc/self/x", "")]);
    assert_eq!(empty.budget(Some(&share("50%"))), None);
    assert_eq!(empty.budget(Some(&Toggle::On(MemoryBound::Size(5)))), Some((5, None)));
}
