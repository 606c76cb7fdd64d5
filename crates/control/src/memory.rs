//! How much memory is in use, and from how much on it is short: as the kernel tells of the control group, of the machine and of
//! this process. Linux only: elsewhere nothing is told, and no bound is kept.
//!
//! Of a group that has a limit, what it uses counts without the pages of files that it can give back: what is above the limit then
//! would be killed. Without one, and where the bound is a size, it is what the process has in memory beside its program.

use std::fs;
use std::path::{Path, PathBuf};

use maitred_config::{MemoryBound, Toggle};

/// The share of a group's limit that is the bound where no document names one, in millionths.
const DEFAULT_SHARE: u64 = 900_000;

/// A bound, and how to find out what is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryBudget {
    /// In bytes.
    pub(crate) bound: u64,
    used: Used,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Used {
    /// What this group uses.
    Group(Group),
    /// What the file `status` of this process says.
    Process(PathBuf),
}

/// A control group that limits memory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    limit: u64,
    usage: PathBuf,
    stat: PathBuf,
    /// What is to be given back, by its name in `stat`.
    inactive: &'static str,
}

impl MemoryBudget {
    /// What a document asks for, of the system whose files are below `root`; none where memory is not bounded.
    pub(crate) fn of(bound: Option<&Toggle<MemoryBound>>, root: &Path) -> Option<Self> {
        let share = |of: u64, millionths: u64| {
            let share = u128::from(of) * u128::from(millionths) / 1_000_000;
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        let process = || Used::Process(root.join("proc/self/status"));
        let millionths = match bound {
            Some(Toggle::Off) => return None,
            Some(Toggle::On(MemoryBound::Size(bound))) => {
                return Some(Self { bound: *bound, used: process() });
            }
            Some(Toggle::On(MemoryBound::Share(share))) => u64::from(share.millionths),
            None => DEFAULT_SHARE,
        };
        match Group::find(root) {
            Some(group) => Some(Self { bound: share(group.limit, millionths), used: Used::Group(group) }),
            None if bound.is_none() => None,
            None => {
                let machine = fs::read_to_string(root.join("proc/meminfo")).ok()?;
                Some(Self { bound: share(kilobytes(&machine, "MemTotal:")?, millionths), used: process() })
            }
        }
    }

    /// How many bytes are in use now; none where nothing is told.
    pub(crate) fn used(&self) -> Option<u64> {
        match &self.used {
            Used::Process(status) => {
                let status = fs::read_to_string(status).ok()?;
                // The pages of its own program the kernel can read again; old kernels tell only all of it.
                kilobytes(&status, "RssAnon:").or_else(|| kilobytes(&status, "VmRSS:"))
            }
            Used::Group(group) => {
                let usage = number(&group.usage)?;
                let stat = fs::read_to_string(&group.stat).unwrap_or_default();
                Some(usage.saturating_sub(value(&stat, group.inactive).unwrap_or(0)))
            }
        }
    }
}

impl Group {
    /// The group of this process, or the one above it, with the least limit.
    fn find(root: &Path) -> Option<Self> {
        let told = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let groups = root.join("sys/fs/cgroup");
        let mut lines = told.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        // Version 1 names the controllers of each hierarchy, version 2 has one without (cgroups(7)).
        let of_version_1 =
            |(controllers, _): &(&str, &str)| controllers.split(',').any(|one| one == "memory");
        if let Some((_, path)) = lines.clone().find(of_version_1) {
            return above(&groups.join("memory"), path)
                .filter_map(|at| {
                    Self::of_files(
                        &at,
                        "memory.limit_in_bytes",
                        "memory.usage_in_bytes",
                        "total_inactive_file",
                    )
                })
                .min_by_key(|group| group.limit);
        }
        let (_, path) = lines.find(|(controllers, _)| controllers.is_empty())?;
        above(&groups, path)
            .filter_map(|at| Self::of_files(&at, "memory.max", "memory.current", "inactive_file"))
            .min_by_key(|group| group.limit)
    }

    fn of_files(at: &Path, limit: &str, usage: &str, inactive: &'static str) -> Option<Self> {
        // Version 1 says "no limit" by a number that no machine has, version 2 by a word.
        let limit = number(&at.join(limit)).filter(|limit| *limit < 1 << 60)?;
        Some(Self { limit, usage: at.join(usage), stat: at.join("memory.stat"), inactive })
    }
}

/// The folder of a group and those above it. In a container they may not be where the kernel says: then the last is.
fn above(hierarchy: &Path, path: &str) -> impl Iterator<Item = PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    path.ancestors().map(|at| hierarchy.join(at)).collect::<Vec<_>>().into_iter()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number behind this name.
fn value(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok())?)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    value(text, name).map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests;
