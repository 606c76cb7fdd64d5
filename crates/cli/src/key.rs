//! `maitred key`: makes API keys, and the hashes of them and of passwords that configurations have.
//! Keys and passwords come from standard input and never from the command line, which others on the machine can read.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use aws_lc_rs::digest::{SHA256, digest};
use maitred_config::scalar::KeyHash;

use crate::arguments::KeyCommand;
use crate::console::{Console, Exit};

/// What keys begin with, so that programs that look for secrets know one when they see it.
const BEGINNING: &str = "mtr_";

/// Does what is asked for; a key or password to hash is the first line of `input`.
pub(crate) fn key(command: KeyCommand, input: impl BufRead, console: &mut Console<'_>) -> io::Result<Exit> {
    match command {
        KeyCommand::New => {
            let mut random = [0; 24];
            aws_lc_rs::rand::fill(&mut random)
                .map_err(|_| io::Error::other("the system gives no random bytes"))?;
            let mut key = BEGINNING.to_owned();
            for byte in random {
                let _ = write!(key, "{byte:02x}");
            }
            console.print(&format!("key: {key}\nhash: {}\n", hash(&key)))?;
            Ok(Exit::Fine)
        }
        KeyCommand::Hash => {
            let key = first_line(input)?;
            if key.is_empty() {
                console.error("there is no key on standard input (write `maitred key hash < FILE`)")?;
                return Ok(Exit::Problems);
            }
            console.print(&format!("{}\n", hash(&key)))?;
            Ok(Exit::Fine)
        }
        KeyCommand::Password => {
            let password = first_line(input)?;
            if password.is_empty() {
                console
                    .error("there is no password on standard input (write `maitred key password < FILE`)")?;
                return Ok(Exit::Problems);
            }
            let hash = maitred_policies::hash_password(&password).map_err(io::Error::other)?;
            console.print(&format!("{hash}\n"))?;
            Ok(Exit::Fine)
        }
    }
}

/// The first line, without its end.
fn first_line(mut input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn hash(key: &str) -> KeyHash {
    KeyHash(digest(&SHA256, key.as_bytes()).as_ref().try_into().expect("a SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::written;

    #[test]
    fn a_new_key_comes_with_its_hash_and_is_another_each_time() {
        let make = || written(|console| key(KeyCommand::New, io::empty(), console)).out;
        let (one, other) = (make(), make());
        assert_ne!(one, other);
        let lines: Vec<&str> = one.lines().collect();
        let [made, told] = lines[..] else { panic!("{one}") };
        let made = made.strip_prefix("key: ").unwrap();
        assert_eq!((made.starts_with("mtr_"), made.len()), (true, 52));
        let hashed = written(|console| key(KeyCommand::Hash, made.as_bytes(), console));
        assert_eq!((hashed.exit, told), (Exit::Fine, &*format!("hash: {}", hashed.out.trim_end())));
    }

    #[test]
    fn the_hash_of_the_first_line_is_told() {
        let hashed =
            |input: &'static str| written(|console| key(KeyCommand::Hash, input.as_bytes(), console));
        // As `printf test | sha256sum` says.
        let test = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";
        for input in ["test", "test\n", "test\r\nmore\n"] {
            assert_eq!(hashed(input).out, test);
        }
        let nothing = hashed("\n");
        assert_eq!((nothing.exit, nothing.out.is_empty()), (Exit::Problems, true), "{nothing}");
    }

    #[test]
    fn the_hash_of_a_password_has_a_salt() {
        let hashed =
            |input: &'static str| written(|console| key(KeyCommand::Password, input.as_bytes(), console));
        let [one, other] = ["hush\n", "hush"].map(|input| hashed(input).out);
        assert!(one != other && one.starts_with("$argon2id$v=19$") && one.lines().count() == 1, "{one}");
        assert_eq!(hashed("\n").exit, Exit::Problems);
    }
}
