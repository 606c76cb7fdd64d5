//! Names that say nothing: words that any thing could carry are not in the names of files, modules, types, functions,
//! constants, fields and variants. Locals and parameters are free, and so is what another's trait names.

use super::problem::{Place, Report};
use super::sources::Sources;

const CHECK: &str = "names";
const MEND: &str = "name it after what it is or does";

/// Their plurals count too.
const WORDS: [&str; 10] =
    ["util", "common", "helper", "manager", "handler", "base", "misc", "inner", "data", "info"];

pub fn check(sources: &Sources, report: &mut Report) {
    for source in &sources.files {
        let inside =
            source.path.strip_prefix(&source.package).unwrap_or(&source.path).trim_end_matches(".rs");
        for part in inside.split('/') {
            if let Some(word) = empty_word(part) {
                let place = Place { path: &source.path, line: 0, name: part };
                report.error(CHECK, &place, format!("the file's path has the word \"{word}\""), MEND);
            }
        }
        for name in source.facts.names.iter().filter(|name| !source.in_test(name.line)) {
            let place = Place { path: &source.path, line: name.line, name: &name.name };
            // A module's file or folder was told above.
            if name.kind != "module"
                && let Some(word) = empty_word(&name.name)
            {
                let what = format!("{} `{}` has the word \"{word}\"", name.kind, name.name);
                report.error(CHECK, &place, what, MEND);
            }
            if name.kind == "function" && name.name.starts_with("get_") {
                let what = format!("function `{}` begins with \"get_\"", name.name);
                report.error(
                    CHECK,
                    &place,
                    what,
                    "leave the prefix out, or say what the work is (find, read, take)",
                );
            }
        }
    }
}

fn empty_word(name: &str) -> Option<&'static str> {
    let words = words(name);
    let is = |word: &&str| words.iter().any(|part| part == word || part.strip_suffix('s') == Some(word));
    WORDS.into_iter().find(|word| is(word))
}

/// The words of `snake_case`, `CamelCase` and `SHOUTED_CASE`, in small letters; digits belong to the word before.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let humps = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
            || before.is_some_and(char::is_uppercase) && after.is_some_and(|after| after.is_lowercase());
        if !letter.is_alphanumeric() || letter.is_uppercase() && humps {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(last) = words.last_mut()
        {
            last.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        let sources = Sources::read(&Tree::of(&[(path, text)]), &mut report);
        check(&sources, &mut report);
        report.lines(CHECK)
    }

    #[test]
    fn names_are_parted_into_words() {
        assert_eq!(words("HTTPHandler"), ["http", "handler"]);
        assert_eq!(words("base64_of"), ["base64", "of"]);
        assert_eq!(words("MAX_DATA2"), ["max", "data2"]);
        assert_eq!(words("UserInfo"), ["user", "info"]);
    }

    #[test]
    fn empty_words_are_told_with_their_place() {
        assert_eq!(
            found("src/a.rs", "struct A {\n  inner: u8,\n}"),
            ["src/a.rs:2: field `inner` has the word \"inner\""]
        );
        let told = found("src/a.rs", "enum FooManager { Helpers }");
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(found("src/utils/a.rs", ""), ["src/utils/a.rs:0: the file's path has the word \"util\""]);
        let told = found("src/a.rs", "impl A { fn get_b(&self) {} fn get(&self) {} }");
        assert_eq!(told, ["src/a.rs:1: function `get_b` begins with \"get_\""]);
    }

    #[test]
    fn locals_tests_and_longer_words_are_free() {
        let text = "fn database(data: u8) { let base = base64(); }\n#[test]\nfn data_is_read() {}\n";
        assert_eq!(found("src/a.rs", text), [""; 0]);
    }
}
