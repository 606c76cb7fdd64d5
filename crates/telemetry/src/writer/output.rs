//! Where a log's thread writes to, and what it does when that fails.
//! Only that thread comes here, so it may wait; what is lost is counted by its caller.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The standard output of the process.
    Stdout,
    /// Its standard error.
    Stderr,
    /// A file, appended to, made if it is missing (readable by the owner and the group).
    File(PathBuf),
}

/// An open destination.
pub(super) struct Output {
    to: Box<dyn Write + Send>,
    /// The name to open again.
    path: Option<PathBuf>,
    /// The last write broke off inside a line.
    torn: bool,
    /// The last write failed, which has been said.
    failing: bool,
}

/// How long to wait before trying again what takes no bytes now (a pipe that somebody made non-blocking).
const PAUSE: Duration = Duration::from_millis(10);

impl Output {
    pub(super) fn stream(to: Box<dyn Write + Send>) -> Self {
        Self { to, path: None, torn: false, failing: false }
    }

    /// Descriptors are duplicated, so that no buffer or lock of the standard library lies between.
    pub(super) fn open(to: Destination) -> io::Result<Self> {
        let file = match &to {
            Destination::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            Destination::Stderr => File::from(io::stderr().as_fd().try_clone_to_owned()?),
            Destination::File(path) => append_to(path)?,
        };
        let path = if let Destination::File(path) = to { Some(path) } else { None };
        Ok(Self { path, ..Self::stream(Box::new(file)) })
    }

    pub(super) fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append_to(path) {
            Ok(file) => {
                self.to = Box::new(file);
                self.torn = false;
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "log file cannot be opened again, the old one is kept");
            }
        }
    }

    /// Writes whole lines and answers how many of them are not, or not wholly, written.
    pub(super) fn write(&mut self, bytes: &[u8], lines: u64) -> u64 {
        let (written, result) = self.write_prefix(bytes);
        match result {
            Ok(()) => self.failing = false,
            // The gateway's own log ends here too: it must not write about itself for every line.
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, "log cannot be written, its lines are dropped");
            }
            Err(_) => {}
        }
        lines - memchr::memchr_iter(b'\n', &bytes[..written]).count() as u64
    }

    /// Writes as much as goes, after the end of a line that was left torn.
    fn write_prefix(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        if self.torn {
            match self.write_some(b"\n") {
                Ok(_) => self.torn = false,
                Err(error) => return (0, Err(error)),
            }
        }
        let mut written = 0;
        while written < bytes.len() {
            match self.write_some(&bytes[written..]) {
                Ok(more) => written += more,
                Err(error) => {
                    self.torn = written > 0 && bytes[written - 1] != b'\n';
                    return (written, Err(error));
                }
            }
        }
        (written, Ok(()))
    }

    /// One write that takes at least a byte; waits as long as it takes, as is this thread's purpose.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.to.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "a thread of its own, which serves no request"
                    )]
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}
