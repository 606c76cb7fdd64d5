//! Where things are kept in a folder of state: a folder for each directory, so that an authority for trying out and the
//! one in earnest do not mix, and in it a file for each set of hosts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The longest name that every file system takes, without what is put behind it.
const LONGEST: usize = 160;

/// The places of one account.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) folder: PathBuf,
}

impl Places {
    /// Those of the authority with this directory.
    pub(crate) fn new(state: &Path, directory: &str) -> Self {
        let without_scheme = directory.strip_prefix("https://").unwrap_or(directory);
        Self { folder: state.join(as_name(without_scheme)) }
    }

    /// The file of the certificate for these hosts, which are in order.
    pub(crate) fn certificate(&self, hosts: &[String]) -> PathBuf {
        let first = hosts.first().map(String::as_str).unwrap_or_default();
        let name = match hosts {
            [_] => as_name(first),
            _ => format!("{}+{}-{:016x}", as_name(first), hosts.len() - 1, number(&hosts.join("\n"))),
        };
        self.folder.join(format!("{name}.pem"))
    }
}

/// A text as the name of a file or folder: no two texts have the same.
fn as_name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        match letter {
            'a'..='z' | '0'..='9' | '-' | '.' => name.push(letter),
            '/' => name.push('_'),
            other => write!(name, "%{:x}", u32::from(other)).expect("a string takes all that is written"),
        }
    }
    // A dot in front would hide it, or name another folder.
    if name.starts_with('.') {
        name.replace_range(..1, "%2e");
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        write!(name, "-{:016x}", number(text)).expect("a string takes all that is written");
    }
    name
}

/// A number for a text, the same in every version (FNV-1a, 64 bits). It only keeps names short: what a file holds is
/// compared with what it is wanted for.
fn number(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(directory: &str) -> String {
        Places::new(Path::new("s"), directory).folder.display().to_string()
    }

    #[test]
    fn every_directory_has_a_folder_of_its_own() {
        assert_eq!(folder("https://ca.example/directory"), "s/ca.example_directory");
        let all = [
            "https://ca.example/directory",
            "https://ca.example:14000/directory",
            "https://ca.example/Directory",
            "https://ca.example/directory_",
            "https://ca.example/directory/",
            "https://ca.example/directory?a=b",
            "https://../..",
        ];
        let mut folders: Vec<String> = all.map(folder).into();
        assert!(folders.iter().all(|folder| folder.split('/').count() == 2), "{folders:?}");
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), all.len());
        let long = |end: &str| folder(&format!("https://ca.example/{}{end}", "x".repeat(500)));
        assert!(long("a") != long("b") && long("a").len() < 200);
    }

    #[test]
    fn every_set_of_hosts_has_a_file_of_its_own() {
        let places = Places::new(Path::new("s"), "https://ca.example/directory");
        let file = |hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            places.certificate(&hosts).file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(file(&["a.example"]), "a.example.pem");
        // The number must stay what it is: it is on users' disks.
        assert_eq!(file(&["a.example", "b.example"]), "a.example+1-14cec4c8f1046e48.pem");
        assert_ne!(file(&["a.example", "b.example"]), file(&["a.example", "c.example"]));
    }
}
