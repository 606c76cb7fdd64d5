//! What is written is read again, and what others may have done to it is told.

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
        assert_eq!(told.kind(), ErrorKind::InvalidData);
        let told = told.to_string();
        assert!(told.ends_with(why) && !told.contains("secret"), "{told}");
    }
}

#[test]
fn an_account_that_cannot_be_read_is_not_taken_for_a_damaged_one() {
    let folder = Folder::new("unreadable");
    prepare(&folder.0).unwrap();
    // Whoever runs the tests may read every file, but nobody reads a folder.
    fs::create_dir(folder.0.join(ACCOUNT)).unwrap();
    let Err(told) = read_account(&folder.0) else { panic!("it was read") };
    assert_ne!(told.kind(), ErrorKind::InvalidData);
    assert!(told.to_string().contains("account.json` cannot be read"), "{told}");
}

#[test]
fn an_order_is_kept_beside_its_certificate() {
    let folder = Folder::new("order");
    prepare(&folder.0).unwrap();
    let certificate = folder.0.join("a.example+1-14cec4c8f1046e48.pem");
    assert_eq!(read_order(&certificate).unwrap(), None);
    let begun = Begun { url: "https://ca/o/1".to_owned(), key: "secret".to_owned() };
    write_order(&certificate, &begun).unwrap();
    let path = folder.0.join("a.example+1-14cec4c8f1046e48.order");
    assert_eq!((read_order(&certificate).unwrap(), mode(&path)), (Some(begun), 0o600));
    fs::write(&path, r#"{ "order": 1, "key": "secret" }"#).unwrap();
    let told = read_order(&certificate).unwrap_err();
    assert!(told.kind() == ErrorKind::InvalidData && !told.to_string().contains("secret"), "{told}");
    remove_order(&certificate);
    remove_order(&certificate);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
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
