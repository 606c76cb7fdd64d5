//! The file of durable counters: read when the store is opened, written anew beside it and put in its place while nobody waits. A file that
//! cannot be read is told in the log and kept aside; the counts begin anew.

#![expect(clippy::disallowed_types, reason = "taken by who writes the file, on threads that serve nobody")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::lasting::Named;
use super::text;

/// The file, and what became of it.
#[derive(Debug)]
pub(super) struct CountersFile {
    path: PathBuf,
    /// One writes at a time: whether what lies there could not be read, and is to be kept aside first.
    writing: Mutex<bool>,
    /// Whether the last try to write has failed.
    is_failing: AtomicBool,
}

impl CountersFile {
    /// The file at this path, and what is in it.
    pub(super) fn open(path: &Path) -> (Self, Vec<Named>) {
        let (is_broken, records) = match read(path) {
            Ok(records) => (false, records),
            Err(why) => {
                tracing::warn!(path = %path.display(), "cannot read the counters: {why}; they begin anew");
                (true, Vec::new())
            }
        };
        let (writing, is_failing) = (Mutex::new(is_broken), AtomicBool::new(false));
        (Self { path: path.to_owned(), writing, is_failing }, records)
    }

    /// Puts a text in the place of the file, if there is a new one. Blocks until it is on disk, also where another writes it, as who
    /// takes over the file reads it then. Answers whether it is.
    pub(super) fn write(&self, text: impl FnOnce() -> Option<String>) -> bool {
        let mut is_broken = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(text) = text() else { return true };
        let done = if *is_broken { self.keep_aside() } else { Ok(()) };
        let done = done.and_then(|()| {
            *is_broken = false;
            replace(&self.path, text.as_bytes())
        });
        let was_failing = self.is_failing.swap(done.is_err(), Ordering::Relaxed);
        let path = self.path.display();
        match done {
            Err(why) if !was_failing => {
                tracing::warn!(%path, "cannot save the counters: {why}; they are lost if the process ends");
            }
            Ok(()) if was_failing => tracing::info!(%path, "the counters are saved again"),
            _ => {}
        }
        !self.is_failing()
    }

    /// Whether what was to be written last is not there.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    fn keep_aside(&self) -> io::Result<()> {
        let aside = beside(&self.path, ".broken");
        fs::rename(&self.path, &aside)?;
        tracing::warn!(path = %self.path.display(), "what could not be read is now at {}", aside.display());
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<Named>, String> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err("it is no file".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    }
    text::parse(&fs::read(path).map_err(|error| error.to_string())?)
}

/// Whoever reads the path sees the old text or the new one, also after the machine has stopped in between.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
