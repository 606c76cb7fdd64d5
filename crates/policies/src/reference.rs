//! The reference pages of the policies, made of what stands in their sources: nothing is written twice.
//! The pages are kept under `docs/policies/`; a test tells when they are out of date.

use std::cell::RefCell;
use std::fmt::Write;

use maitred_config::{Listing, NoEnvironment, Problems, Shape, load};
use maitred_policy::{AnyUpstream, DynKind, IpLists, Means, Phase};

use crate::catalog::{PAGES, Page, catalog};

/// The page of each policy, in Markdown: its name and its text.
pub fn reference() -> Vec<(&'static str, String)> {
    let catalog = catalog();
    catalog.iter().zip(PAGES).map(|(kind, page)| (kind.name(), write(kind, page))).collect()
}

fn write(kind: &dyn DynKind, page: &Page) -> String {
    let name = kind.name();
    let mut text =
        format!("# {name}\n\n<!-- Made from the sources of the policy: `cargo xtask docs`. -->\n\n");
    text.push_str(&user_page(page.source));
    let _ = writeln!(text, "\nPhase: {}. {}", phase(kind, page), presence(kind));
    text.push_str("\n## Keys\n\n");
    if matches!(kind.shape(), Shape::Policies) {
        text.push_str("Each key is the name of a policy, and what stands there is its configuration.\n");
    } else if let Shape::Map(shape) = kind.shape() {
        let keys = shape.listing();
        if let Some(main) = keys.iter().find(|key| key.main && !key.path.contains('.')) {
            let _ = writeln!(text, "In place of the map, the value of `{}` may stand alone.\n", main.path);
        }
        text.push_str("| key | takes | default | meaning |\n| --- | --- | --- | --- |\n");
        for key in &keys {
            text.push_str(&row(key));
        }
    }
    let _ = write!(text, "\n## Example\n\n```yaml\n{}```\n", page.example);
    text
}

fn presence(kind: &dyn DynKind) -> String {
    let name = kind.name();
    if kind.is_on_by_default() {
        format!("On by default; `{name}: false` turns it off.")
    } else {
        format!("Off unless it is named under `policies`; `{name}: false` removes one that is inherited.")
    }
}

fn row(key: &Listing) -> String {
    let default = match key.default {
        Some(default) => format!("`{default}`"),
        None if key.required => "required".to_owned(),
        None => "—".to_owned(),
    };
    let cell = |text: &str| text.replace('\n', " ").replace('|', "\\|");
    format!("| `{}` | {} | {} | {} |\n", key.path, cell(&key.kind), cell(&default), cell(&key.doc))
}

/// The `//!` lines at the top of a source file.
fn user_page(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.fold(String::new(), |page, line| page + line.strip_prefix(' ').unwrap_or(line) + "\n")
}

/// The phase in which the example's policy runs.
fn phase(kind: &dyn DynKind, page: &Page) -> Phase {
    let (files, seen) = (page.files(), RefCell::default());
    let catalog = catalog();
    let loaded = load("example.yaml", &files, &NoEnvironment);
    let document = loaded.usable().expect("the catalogue tests load every example");
    let means =
        Means { issuers: &document.issuers, upstreams: &AnyUpstream, ..Means::new(&files, &seen, &catalog) };
    let mut problems = Problems::new();
    let ip_lists = IpLists::compile(&document.ip_lists, &files, &mut problems);
    let means = Means { ip_lists: &ip_lists, ..means };
    let global = &document.policies.entries;
    let of_routes = document.routes.iter().flat_map(|route| &route.value.policies.entries);
    let mut compiled = global
        .iter()
        .chain(of_routes)
        .filter(|policy| &*policy.kind == kind.name())
        .filter_map(|policy| kind.compile(&policy.node, loaded.texts(), means, &mut problems, None));
    compiled.next().expect("the catalogue tests compile every example").0
}
