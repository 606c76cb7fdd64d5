//! Included files, globs, and what cannot be joined.

use std::path::{Path, PathBuf};

use super::{Glob, Tree, Watched, load_tree};
use crate::files::{Disk, Files, Memory, NoEnvironment};
use crate::problem::{Problems, Style};

fn load(files: &Memory) -> (Tree, String) {
    let mut problems = Problems::new();
    let tree = load_tree(Path::new("etc/main.yaml"), files, &NoEnvironment, &mut problems);
    let drawn = problems.render(&tree.texts, Style::Plain);
    (tree, drawn)
}

#[test]
fn included_files_of_every_format_are_joined() {
    let files = Memory::new()
        .with("etc/main.yaml", "maitred: 1\ninclude: [conf.d/*, more.json]\nroutes: {a: {upstream: x}}\n")
        .with("etc/conf.d/1.yaml", "\u{feff}routes: {b: {upstream: x}}\nmaitred: 1\n")
        .with("etc/conf.d/2.toml", "include = 'deep/**/*.yaml'\n[upstreams]\nx = 'http://x'\n")
        .with("etc/conf.d/.hidden.yaml", "not: this")
        .with("etc/conf.d/deep/a/b/c.yaml", "routes: {d: {upstream: x}}\n")
        .with("etc/more.json", "{\"routes\": {\"c\": {\"upstream\": \"x\"}}}");
    let (tree, problems) = load(&files);
    assert_eq!(problems, "");
    let names = |section: &str| -> Vec<String> {
        let map = tree.root.get(section).and_then(|node| node.as_map()).expect("a section");
        map.entries.iter().map(|entry| entry.key.to_string()).collect()
    };
    assert_eq!(names("routes"), ["a", "b", "d", "c"]);
    assert_eq!(names("upstreams"), ["x"]);
    let watched = |path: &str| tree.watched.contains(&Watched::File(PathBuf::from(path)));
    assert!(watched("etc/main.yaml") && watched("etc/conf.d/deep/a/b/c.yaml") && watched("etc/more.json"));
    assert!(tree.watched.contains(&Watched::Glob(Glob::new(Path::new("etc"), "conf.d/*"))));
}

#[test]
fn what_cannot_be_joined_is_told() {
    let files = Memory::new()
        .with("etc/main.yaml", "maitred: 1\ninclude: [a.yaml, gone.yaml, none/*.yaml, 'b.yaml', [c]]\nroutes: {a: {upstream: x}}\nadmin: false\n")
        .with("etc/a.yaml", "include: main.yaml\nroutes: {a: {upstream: x}}\nadmin: true\n")
        .with("etc/b.yaml", "include: ./a.yaml\nmaitred: 2\n");
    insta::assert_snapshot!(load(&files).1);
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    let refused = |content: &[u8]| load(&Memory::new().with("etc/main.yaml", content)).1;
    insta::assert_snapshot!("list", refused(b"- a\n- b\n"));
    insta::assert_snapshot!("bytes", refused(b"\xff\xfe"));
    insta::assert_snapshot!("missing", load(&Memory::new()).1);
    let mut problems = Problems::new();
    let toml = Memory::new().with("a.toml", "maitred = 1\nmaitred = 2\n[a\n");
    let tree = load_tree(Path::new("a.toml"), &toml, &NoEnvironment, &mut problems);
    insta::assert_snapshot!("toml", problems.render(&tree.texts, Style::Plain));
}

#[test]
fn globs_fit_names_part_by_part() {
    for (pattern, path, fits) in [
        ("*.yaml", "etc/a.yaml", true),
        ("*.yaml", "etc/.a.yaml", false),
        (".*.yaml", "etc/.a.yaml", true),
        ("*.yaml", "etc/d/a.yaml", false),
        ("*/a?.yaml", "etc/d/ab.yaml", true),
        ("d/**/x.yaml", "etc/d/x.yaml", true),
        ("d/**/x.yaml", "etc/d/e/f/x.yaml", true),
        ("d/**/x.yaml", "etc/d/.e/x.yaml", false),
        ("**", "etc/d/e", true),
        ("a*b*c", "etc/axxbxbxc", true),
        ("a*b*c", "etc/axxbxbxd", false),
        ("*", "other/a", false),
    ] {
        assert_eq!(Glob::new(Path::new("etc"), pattern).fits(Path::new(path)), fits, "{pattern} {path}");
        let files = Memory::new().with(path, "");
        let found = Glob::new(Path::new("etc"), pattern).find(&files);
        assert_eq!(found == [PathBuf::from(path)], fits, "{pattern} {path}: {found:?}");
    }
}

#[test]
fn the_disk_lists_what_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = Disk.list(here).expect("a folder");
    assert!(entries.iter().any(|entry| entry.name == "src" && entry.is_folder));
    assert!(entries.iter().any(|entry| entry.name == "Cargo.toml" && !entry.is_folder));
    assert!(Disk.read(&here.join("none")).is_err());
}
