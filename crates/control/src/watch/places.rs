//! Which folders to watch for a configuration, and which names in them matter.
//!
//! A path is followed part by part as the kernel does. Every symbolic link on the way matters as much as the file at its
//! end: Kubernetes exchanges `..data`, to which the files point, and releases are exchanged by a link to their folder.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use maitred_config::{Glob, Watched};

/// Links that are followed on one way; the kernel gives up at as many.
const MAX_LINKS: usize = 40;
/// Folders that are watched below that of a pattern.
const MAX_BELOW: usize = 256;

/// What to watch.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Folders, without links in their paths.
    pub(super) folders: BTreeSet<PathBuf>,
    names: HashSet<PathBuf>,
    globs: Vec<(PathBuf, Glob)>,
}

impl Places {
    pub(super) fn of(watched: &[Watched]) -> Self {
        let mut places = Self::default();
        for watched in watched {
            match watched {
                Watched::File(path) => {
                    places.follow(path);
                }
                Watched::Glob(glob) => places.add_glob(glob),
            }
        }
        places
    }

    /// Whether a change under this path may change the configuration.
    pub(super) fn matters(&self, path: &Path) -> bool {
        self.names.contains(path)
            // The folder itself was moved or removed.
            || self.folders.contains(path)
            || self.globs.iter().any(|(folder, glob)| fits(folder, glob, path))
    }

    /// Follows a path to its end, or to where it breaks off, and notes what may change it. Answers the real path of its end.
    fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        let absolute = std::path::absolute(path).ok()?;
        let mut here = PathBuf::from("/");
        let mut rest = names(&absolute);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&name);
            let Ok(about) = std::fs::symlink_metadata(&next) else {
                // What will come there is noticed when its first missing part appears.
                self.note(here, next);
                return None;
            };
            if about.is_symlink() {
                links += 1;
                let target = std::fs::read_link(&next).ok().filter(|_| links <= MAX_LINKS);
                self.note(here.clone(), next);
                let target = target?;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                let mut way = names(&target);
                way.append(&mut rest);
                rest = way;
            } else {
                if rest.is_empty() {
                    self.note(here, next.clone());
                    return Some(next);
                }
                here = next;
            }
        }
        Some(here)
    }

    fn note(&mut self, folder: PathBuf, name: PathBuf) {
        self.folders.insert(folder);
        self.names.insert(name);
    }

    /// Watches the folder of a pattern and those below, in which files that fit may appear.
    fn add_glob(&mut self, glob: &Glob) {
        let Some(folder) = self.follow(glob.folder()) else { return };
        let mut below = VecDeque::from([folder.clone()]);
        for _ in 0..MAX_BELOW {
            let Some(folder) = below.pop_front() else { break };
            let mut inside: Vec<PathBuf> = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
                .map(|entry| entry.path())
                .collect();
            inside.sort();
            below.extend(inside);
            self.folders.insert(folder);
        }
        self.globs.push((folder, glob.clone()));
    }
}

/// Whether a path fits a pattern whose folder is really `folder`, or is a folder in which such paths may come to be.
fn fits(folder: &Path, glob: &Glob, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(folder) else { return false };
    glob.fits(&glob.folder().join(below)) || path.is_dir()
}

/// The parts of a path from the root, `.` left out.
fn names(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    named.collect()
}
