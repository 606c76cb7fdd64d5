//! What is kept on disk of an account: its key in `account.json`, and a file of chain and key for each certificate. Only the owner
//! may read them, and whoever reads one sees the old content or the new one.

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
/// If there is one, and it cannot be read: why, and it is to be replaced.
pub(super) fn read_account(folder: &Path) -> Result<Option<Stored>, String> {
    let path = folder.join(ACCOUNT);
    let told = |why: &dyn std::fmt::Display| format!("`{}`: {why}", path.display());
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(&error)),
    };
    // What the library says of broken JSON may hold a part of it, and so of the key.
    let mut value: Value = serde_json::from_slice(&bytes).map_err(|_| told(&"this is no JSON"))?;
    let mut take = |name| value.get_mut(name).map(Value::take).unwrap_or_default();
    let credentials = serde_json::from_value(take("credentials"));
    let credentials = credentials.map_err(|_| told(&"this is no account"))?;
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
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder that is gone when its owner is.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("maitred-acme-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJVWC_QzOTCS5vtsJp2IG-UDc8cdDfeoKtxSZxaznM-mhRANCAAQenCPoGgPFTdPJ7VLLKt56RxPlYT1wNXnHc54PEyBg3LxKaH0-sJkX0mL8LyPEdsfL_Oz4TxHkWLJGrXVtNhfH";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_account_is_kept_for_its_owner_alone() {
        let folder = Folder::new("account");
        assert!(read_account(&folder.0).unwrap().is_none());
        prepare(&folder.0).unwrap();
        let credentials = json!({ "id": "https://ca/1", "key_pkcs8": KEY, "directory": "https://ca/dir" });
        write_account(&folder.0, &credentials, &["ops@a.example".to_owned()]).unwrap();
        let stored = read_account(&folder.0).unwrap().unwrap();
        assert_eq!(stored.emails, ["ops@a.example"]);
        assert_eq!(serde_json::to_value(&stored.credentials).unwrap(), credentials);
        assert_eq!((mode(&folder.0), mode(&folder.0.join(ACCOUNT))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_damaged_account_is_told_without_what_it_holds() {
        let folder = Folder::new("damaged");
        prepare(&folder.0).unwrap();
        for (text, why) in [
            ("{ \"credentials\": { \"key_pkcs8\": \"secret", "this is no JSON"),
            ("{ \"credentials\": { \"key_pkcs8\": \"secret\" } }", "this is no account"),
            ("[]", "this is no account"),
            ("", "this is no JSON"),
        ] {
            fs::write(folder.0.join(ACCOUNT), text).unwrap();
            let Err(told) = read_account(&folder.0) else { panic!("{text}") };
            assert!(told.ends_with(why) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_whatever_a_crash_left() {
        let folder = Folder::new("whole");
        prepare(&folder.0).unwrap();
        let path = folder.0.join("a.example.pem");
        fs::write(folder.0.join("a.example.pem.new"), "half").unwrap();
        for content in ["a long content", "short"] {
            write(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        let error = write(&folder.0.join("not/there.pem"), b"").unwrap_err();
        assert!(error.to_string().contains("not/there.pem"), "{error}");
    }
}
