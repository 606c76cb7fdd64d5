//! What is kept on disk of an account: its key in `account.json`, a file of chain and key for each certificate, and one for each order
//! that waits for its certificate. Only the owner may read them, and whoever reads one sees the old content or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde_json::{Value, json};

const ACCOUNT: &str = "account.json";

/// An account as it is kept.
pub(super) struct Stored {
    pub(super) credentials: AccountCredentials,
    /// What the authority was told of how to reach us.
    pub(super) emails: Vec<String>,
}

/// Reads the account that is kept in a folder, if there is one.
///
/// # Errors
///
/// If there is one, and it cannot be read. Only of one with [`ErrorKind::InvalidData`] nothing is left, so that another may take its
/// place.
pub(super) fn read_account(folder: &Path) -> io::Result<Option<Stored>> {
    let path = folder.join(ACCOUNT);
    let Some(mut value) = read_json(&path)? else { return Ok(None) };
    let mut take = |name| value.get_mut(name).map(Value::take).unwrap_or_default();
    let credentials = serde_json::from_value(take("credentials"));
    let credentials = credentials.map_err(|_| damaged(&path, "this is no account"))?;
    let emails = serde_json::from_value(take("emails")).unwrap_or_default();
    Ok(Some(Stored { credentials, emails }))
}

/// Keeps an account.
pub(super) fn write_account(folder: &Path, credentials: &Value, emails: &[String]) -> io::Result<()> {
    let stored = json!({ "credentials": credentials, "emails": emails });
    write(&folder.join(ACCOUNT), format!("{stored:#}\n").as_bytes())
}

/// Forgets the account: the authority does not know it any more.
pub(super) fn remove_account(folder: &Path) -> io::Result<()> {
    let path = folder.join(ACCOUNT);
    fs::remove_file(&path).map_err(|error| {
        io::Error::new(error.kind(), format!("`{}` cannot be removed: {error}", path.display()))
    })
}

/// An order that waits for its certificate: whatever comes in between, nothing else is ordered in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// Where the authority keeps it.
    pub(super) url: String,
    /// The key of the certificate, in PEM.
    pub(super) key: String,
}

/// Reads the order that waits for the certificate in this file, if there is one.
///
/// # Errors
///
/// As of [`read_account`].
pub(super) fn read_order(certificate: &Path) -> io::Result<Option<Begun>> {
    let path = order_of(certificate);
    let Some(mut value) = read_json(&path)? else { return Ok(None) };
    let mut take = |name| match value.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(damaged(&path, "this is no order")),
    };
    Ok(Some(Begun { url: take("order")?, key: take("key")? }))
}

/// Keeps an order.
pub(super) fn write_order(certificate: &Path, begun: &Begun) -> io::Result<()> {
    let stored = json!({ "order": begun.url, "key": begun.key });
    write(&order_of(certificate), format!("{stored:#}\n").as_bytes())
}

/// Forgets the order, if there is one: it is at its end.
pub(super) fn remove_order(certificate: &Path) {
    let path = order_of(certificate);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!("`{}` cannot be removed: {error}", path.display());
        }
        _ => {}
    }
}

fn order_of(certificate: &Path) -> PathBuf {
    certificate.with_extension("order")
}

/// Reads a file that may not be there.
fn read_json(path: &Path) -> io::Result<Option<Value>> {
    match fs::read(path) {
        // What the library says of broken JSON may hold a part of it, and so of the key.
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| damaged(path, "this is no JSON")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(io::Error::new(error.kind(), format!("`{}` cannot be read: {error}", path.display())))
        }
    }
}

fn damaged(path: &Path, why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("`{}`: {why}", path.display()))
}

/// Makes the folder where it is not there, and sees that files can be written in it: before anything is ordered that
/// could not be kept.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let written = made.and_then(|()| {
        let probe = draft_of(&folder.join(ACCOUNT));
        new_file(&probe)?;
        fs::remove_file(probe)
    });
    written.map_err(|error| {
        io::Error::new(error.kind(), format!("`{}` cannot be written: {error}", folder.display()))
    })
}

/// Writes a file in one step.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = draft_of(path);
    let written = new_file(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        // Only then the new name is there after a power failure, too.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    });
    written.map_err(|error| {
        // It may not be there; if it is, the next try takes its place.
        let _ = fs::remove_file(&draft);
        io::Error::new(error.kind(), format!("`{}` cannot be written: {error}", path.display()))
    })
}

/// An empty file that nobody else can read, in place of one that a crash left.
fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
