//! The guide `docs/configuration.md`: its examples load, as those of the pages beside it, and its list of keys is the one in the code.

use std::fmt::Write as _;
use std::path::PathBuf;

use maitred_config::{ConfigMap, Document, Memory, NoPolicies, Style, expand, load};

fn guide_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")
}

fn guide() -> String {
    std::fs::read_to_string(guide_path()).expect("the guide")
}

/// Pages beside the guide, and how many examples each has at least.
const PAGES: [(&str, usize); 7] = [
    (include_str!("../../../docs/resilience.md"), 4),
    (include_str!("../../../docs/traffic.md"), 4),
    (include_str!("../../../docs/access.md"), 2),
    (include_str!("../../../docs/cache.md"), 2),
    (include_str!("../../../docs/edges.md"), 4),
    (include_str!("../../../docs/stores.md"), 4),
    (include_str!("../../../docs/limits.md"), 3),
];

/// The hash of a key, in a file that an example names.
const ACME: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";

/// The blocks of a language in a text of Markdown.
fn blocks<'g>(guide: &'g str, language: &str) -> Vec<&'g str> {
    let fence = format!("```{language}\n");
    guide.split(&fence).skip(1).filter_map(|after| after.split("```").next()).collect()
}

fn loads(name: &str, text: &str) {
    let environment = |name: &str| match name {
        "APP_URL" => Some("http://localhost:3000".to_owned()),
        "REDIS_PASSWORD" => Some("a-secret".to_owned()),
        _ => None,
    };
    let files = Memory::new()
        .with(name, text)
        .with("conf.d/more.yaml", "routes: { more: { match: /more, respond: more } }")
        .with("secrets/admin_token", "a-secret\n")
        .with("secrets/gateway", "a-secret\n")
        .with("/run/secrets/shop/acme", ACME);
    let loaded = load(name, &files, &environment);
    assert!(loaded.problems.is_empty(), "{text}\n{}", loaded.problems.render(loaded.texts(), Style::Plain));
    let long = expand(&loaded, &NoPolicies);
    let again = load(
        "long.yaml",
        &Memory::new()
            .with("long.yaml", long.as_str())
            .with("secrets/admin_token", "a-secret\n")
            .with("secrets/gateway", "a-secret\n")
            .with("/run/secrets/shop/acme", ACME),
        &environment,
    );
    assert_eq!(again.usable(), loaded.usable(), "{long}");
}

#[test]
fn every_example_loads_without_a_word() {
    let guide = guide();
    let examples: Vec<&str> =
        blocks(&guide, "yaml").into_iter().filter(|block| block.starts_with("maitred: 1")).collect();
    assert!(examples.len() >= 12, "{} examples", examples.len());
    for example in examples {
        loads("maitred.yaml", example);
    }
    for (page, least) in PAGES {
        let examples: Vec<&str> =
            blocks(page, "yaml").into_iter().filter(|block| block.starts_with("maitred: 1")).collect();
        assert!(examples.len() >= least, "{} examples", examples.len());
        for example in examples {
            loads("maitred.yaml", example);
        }
    }
    for example in blocks(&guide, "toml") {
        loads("maitred.toml", example);
    }
}

#[test]
fn the_message_in_the_guide_is_the_true_one() {
    let text = "maitred: 1\nupstreams: { users: http://users:8080 }\nroutes:\n  app: { match: /a, upsteam: users }\n  b: { match: /b, upstream: users }\n";
    let loaded = load("maitred.yaml", &Memory::new().with("maitred.yaml", text), &|_: &str| None);
    let drawn = loaded.problems.render(loaded.texts(), Style::Plain);
    assert!(blocks(&guide(), "text").contains(&drawn.as_str()), "{drawn}");
}

#[test]
fn the_list_of_keys_is_the_one_in_the_code() {
    const BEGIN: &str = "cargo test -p maitred-config --test guide` -->\n";
    const END: &str = "<!-- keys end -->";
    let guide = guide();
    let begin = guide.find(BEGIN).expect("where the keys begin") + BEGIN.len();
    let end = guide.find(END).expect("where the keys end");
    let written = format!("{}{}{}", &guide[..begin], keys(), &guide[end..]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(guide_path(), &written).expect("the guide can be written");
        return;
    }
    assert!(guide == written, "the list of keys is stale: run with UPDATE_DOCS=1");
}

/// The keys of the document as a table.
fn keys() -> String {
    let mut table = String::from("\n| key | takes | unless written | means |\n| --- | --- | --- | --- |\n");
    for key in Document::map_shape().listing() {
        let default = match key.default {
            Some(default) => format!("`{default}`"),
            None if key.required => "required".to_owned(),
            None => "none".to_owned(),
        };
        let main = if key.main { " (main)" } else { "" };
        let doc = key.doc.replace('\n', " ").replace('|', "\\|");
        _ = writeln!(table, "| `{}`{main} | {} | {default} | {doc} |", key.path, key.kind);
    }
    table + "\n"
}
