//! Where files and environment variables come from: the disk and the process, or memory for tests and tools.
//! Also what a load has looked at, so that a watcher knows when to load again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

mod glob;

pub use glob::Glob;

/// Something whose change calls for a new load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// This file, whether it exists or not.
    File(PathBuf),
    /// All files that fit this pattern, now and later.
    Glob(Glob),
}

/// Reads files. The configuration touches the disk through this alone.
pub trait Files {
    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The entries of a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>>;
}

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name, without the folder's.
    pub name: String,
    /// Whether it is itself a folder.
    pub is_folder: bool,
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(here)? {
            let entry = entry?;
            // Follows symbolic links: mounted configuration is made of them.
            let is_folder = std::fs::metadata(entry.path()).is_ok_and(|about| about.is_dir());
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(FolderEntry { name, is_folder });
            }
        }
        Ok(entries)
    }
}

/// Files that exist in memory only.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memory {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with one file more.
    pub fn with(mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(normalised(path.as_ref()), content.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "No such file or directory (os error 2)");
        self.files.get(&normalised(path)).cloned().ok_or_else(missing)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let folder = normalised(folder);
        let mut entries: Vec<FolderEntry> = Vec::new();
        for path in self.files.keys() {
            let Ok(below) = path.strip_prefix(&folder) else { continue };
            let mut components = below.components();
            let Some(Component::Normal(name)) = components.next() else { continue };
            let entry = FolderEntry {
                name: name.to_string_lossy().into_owned(),
                is_folder: components.next().is_some(),
            };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

/// Reads environment variables.
pub trait Environment {
    /// The value of a variable, if it is set (and is UTF-8).
    fn variable(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// An environment in which nothing is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnvironment;

impl Environment for NoEnvironment {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The path without `.` and with `..` taken back: the same file has the same path. Symbolic links are not followed.
pub(crate) fn normalised(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
