//! Hashes that other programs have made, and those that are refused.

use super::*;

/// Each is that of `a pass:wörd`, made by: argon2(1), htpasswd -B, htpasswd -m, htpasswd -s, openssl passwd -5, -6.
const MADE: [&str; 7] = [
    "$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$ZA4q3WgCcQ9sSHzsr+YWPpC4elip4MDlLLAMXXVDFzU",
    "$2y$05$H/rKlDQGUnxdE5JA3FyFmOqMOa7lU.qV/HVfG.olqPhLMq.9YKqSm",
    "$apr1$2Ep8aKbd$s6geTrW4qXj2hyowYBT.6/",
    "{SHA}0RViMCPYRfYhq8MtxbrcuEUvSN0=",
    "$5$BBh93EHn9NevzI4v$GhOj7vcfrG6RrTh4kGQC12xDMqyBr69GwD4arPYL1L8",
    "$6$B9tCQxa/roLLC6Ie$COXhJnlmYl4ib9MCGZ37eL1QSTuD691YN8SNzUZPL0t8Xj6buvhxNeEArIwqTqupDJ8J7KrU2UgC6kjZYHNLM.",
    "$6$rounds=2000$saltsaltsalt$Sc5ox6/GtNJYo0OfvB1I7YVwl4lfFXz74tjiT7XHgbnWoNH0o6zU.pFyWUHn4uK27o.My9s8tappv1iNk20WB0",
];

#[test]
fn hashes_of_other_programs_are_those_of_their_password() {
    for hash in MADE {
        let parsed = PasswordHash::parse(hash).unwrap();
        assert!(parsed.verify("a pass:wörd".as_bytes()), "{hash}");
        for wrong in ["", "a pass:word", "a pass:wörd ", "A pass:wörd"] {
            assert!(!parsed.verify(wrong.as_bytes()), "{hash} {wrong}");
        }
    }
}

#[test]
fn our_own_is_another_each_time_and_is_known() {
    let [one, other] = [(); 2].map(|()| hash_password("hush").unwrap());
    assert!(one != other && one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert!(PasswordHash::parse(&one).unwrap().verify(b"hush"));
}

#[test]
fn what_is_too_dear_broken_or_unknown_is_refused_in_words() {
    let argon2 = |params: &str| {
        format!("$argon2id$v=19${params}$c29tZXNhbHRzb21lc2FsdA$nlbTk3YVjYSPXBGGd1zMuBKEWAkFHJkFRMWiJIUmrgk")
    };
    assert!(PasswordHash::parse(&argon2("m=65536,t=3,p=4")).is_ok());
    let bcrypt = |cost: &str| format!("$2y${cost}$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u");
    assert!(PasswordHash::parse(&bcrypt("14")).is_ok());
    let sha = |rounds: &str| format!("$5${rounds}saltstring${}", "a".repeat(43));
    assert!(PasswordHash::parse(&sha("rounds=1000$")).is_ok());
    for (hash, why) in [
        (argon2("m=4194304,t=1,p=1"), "takes too much"),
        (argon2("m=262144,t=5,p=1"), "takes too much"),
        (argon2("m=65536,t=1,p=17"), "takes too much"),
        (argon2("m=65536,t=0,p=1"), "not whole"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ".to_owned(), "not whole"),
        ("$argon2x$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$nlbTk3YVjYSPXBGGd1zMuA".to_owned(), "not whole"),
        (bcrypt("15"), "from 4 to 14"),
        (bcrypt("03"), "from 4 to 14"),
        ("$2y$10$L6Bc".to_owned(), "not whole"),
        (sha("rounds=999$"), "rounds"),
        (sha("rounds=1000001$"), "rounds"),
        (sha("round=1000$"), "not whole"),
        ("$6$salt$abc".to_owned(), "not whole"),
        ("$apr1$salt$abc".to_owned(), "not whole"),
        ("{SHA}abc".to_owned(), "not whole"),
        ("rqXexS6ZhobKA".to_owned(), "DES"),
        ("{SSHA}abc".to_owned(), "not known"),
        ("$1$salt$abc".to_owned(), "not known"),
        ("hush".to_owned(), "not the hash"),
        (String::new(), "not the hash"),
    ] {
        let Err(told) = PasswordHash::parse(&hash) else { panic!("{hash} is taken") };
        assert!(told.contains(why), "{hash}: {told}");
    }
}
