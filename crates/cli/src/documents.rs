//! That the guide is true: its configurations load, every option of the command line and every metric is in it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use maitred_config::Memory;
use maitred_control::Source;
use maitred_proxy::Clock;

use crate::arguments::{Arguments, CheckArguments};
use crate::testing::written;
use crate::{check, workshop};

/// A document of the repository.
pub(crate) fn document(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The configurations in a document: blocks of YAML in which the version of the language is said.
fn configurations(text: &str) -> Vec<&str> {
    let blocks = text.split("\n```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter(|block| block.lines().any(|line| line.starts_with("maitred: 1"))).collect()
}

#[test]
fn every_configuration_is_fine() {
    let documents = [
        ("README.md", 2),
        ("docs/quickstart.md", 2),
        ("docs/command-line.md", 1),
        ("docs/operations.md", 1),
        ("docs/grpc.md", 4),
        ("docs/resilience.md", 8),
        ("docs/tls.md", 3),
        ("docs/traffic.md", 5),
    ];
    for (path, least) in documents {
        let text = document(path);
        let found = configurations(&text);
        assert!(found.len() >= least, "{path} has {} configurations", found.len());
        for configuration in found {
            let files = certificates()
                .with("maitred.yaml", configuration)
                .with("protos/inventory.proto", document("examples/protos/inventory.proto"));
            let environment = |name: &str| Some(format!("value of {name}"));
            let source = Source {
                path: "maitred.yaml".into(),
                files: &files,
                environment: &environment,
                is_watched: false,
            };
            let arguments =
                CheckArguments { file: PathBuf::from("maitred.yaml"), expand: false, strict: true };
            let told = written(|console| check::check(&arguments, &source, console));
            assert_eq!(told.err, "", "{path}:\n{configuration}");
        }
    }
}

/// The files that configurations name: certificates with their keys.
fn certificates() -> Memory {
    let mut files = Memory::new();
    for name in ["shop", "other", "partners"] {
        let signed = rcgen::generate_simple_self_signed([format!("{name}.example")]).unwrap();
        files = files
            .with(format!("certs/{name}.pem"), signed.cert.pem())
            .with(format!("certs/{name}.key"), signed.signing_key.serialize_pem());
    }
    files
}

#[test]
fn every_command_and_option_has_its_place() {
    let text = document("docs/command-line.md");
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        assert!(text.contains(&format!("| `maitred {name}")), "docs/command-line.md has no command {name}");
        let section = text.split(&format!("\n## {name}\n")).nth(1).map(|rest| rest.split("\n## ").next());
        for option in command.get_opts().filter_map(|option| option.get_long()) {
            let section =
                section.flatten().unwrap_or_else(|| panic!("docs/command-line.md has no section {name}"));
            assert!(
                section.contains(&format!("`--{option}")),
                "docs/command-line.md: {name} has no --{option}"
            );
        }
    }
}

#[test]
fn every_metric_has_its_place() {
    let mut page = String::new();
    workshop::metrics(1, &Clock::default()).render(&mut page);
    let text = document("docs/operations.md");
    let families: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    assert!(families.len() > 20, "{families:?}");
    for family in families {
        assert!(text.contains(&format!("`{family}`")), "docs/operations.md has no {family}");
    }
}
