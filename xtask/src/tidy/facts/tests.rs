//! Tests of `Facts` on small files.

use super::Facts;

fn read(text: &str) -> Facts {
    Facts::read(text).unwrap_or_else(|(line, error)| panic!("{line}: {error}"))
}

#[test]
fn imports_are_flattened_with_their_names() {
    let facts = read("use crate::a::{self, b::C as D, e::*};\nuse std::fmt;\n");
    let told: Vec<String> = facts
        .imports
        .iter()
        .map(|import| format!("{} as {}", import.path.join("::"), import.alias))
        .collect();
    assert_eq!(told, ["crate::a as a", "crate::a::b::C as D", "crate::a::e as *", "std::fmt as fmt"]);
    assert!(facts.paths.is_empty());
}

#[test]
fn paths_macros_and_unsafe_are_seen_in_macro_bodies() {
    let facts =
        read("fn f() {\n  run!({ crate::a::b(); });\n  if x != y { todo!() }\n  run!(unsafe { 1 })\n}\n");
    assert_eq!(facts.paths.len(), 1);
    assert_eq!((facts.paths[0].segments.join("::").as_str(), facts.paths[0].line), ("crate::a::b", 2));
    let macros: Vec<&str> = facts.macros.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(macros, ["run", "todo", "run"]);
    assert_eq!(facts.unsafes, [4]);
}

#[test]
fn a_function_is_as_long_as_its_code() {
    let facts = read("fn f() {\n  one();\n\n  // why\n  two();\n}\nfn g() { one() }\n");
    let lines: Vec<usize> = facts.functions.iter().map(|function| function.lines).collect();
    assert_eq!(lines, [2, 1]);
}

#[test]
fn what_only_tests_see_is_known() {
    let text = "#[cfg(test)]\nmod a {\n  fn f() {}\n}\n#[cfg(any(test, feature = \"x\"))]\nmod b {}\n\
                #[tokio::test]\nasync fn c() {\n}\n#[cfg(test)]\nmod d;\n#[cfg(not(test))]\nmod e;\n";
    let facts = read(text);
    let tests: Vec<usize> = (1..=13).filter(|line| facts.in_test(*line)).collect();
    assert_eq!(tests, [1, 2, 3, 4, 7, 8, 9, 10, 11]);
    assert_eq!(facts.modules, [("d".to_owned(), true), ("e".to_owned(), false)]);
    assert_eq!(facts.around(3).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn names_leave_out_those_of_foreign_contracts() {
    let text = "struct A { b: u8 }\nenum C { D }\nimpl A { fn e() {} }\nimpl X for A { fn f() {} }\n";
    let names: Vec<String> = read(text).names.into_iter().map(|name| name.name).collect();
    assert_eq!(names, ["A", "b", "C", "D", "e"]);
}

#[test]
fn ignored_tests_and_headers_are_found() {
    let facts =
        read("//! a\n//! b\n\n#[test]\n#[ignore = \"slow\"]\nfn f() {}\n#[cfg_attr(x, ignore)]\nfn g() {}\n");
    assert_eq!((facts.header, facts.ignored), (2, vec![5, 7]));
}
