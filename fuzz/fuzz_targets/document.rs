//! Documents: any text as TOML (first byte `t`) or YAML, with a second file `b.yaml` behind a byte 0x1e to include.
//!
//! Loading never panics, says the same twice, and draws every problem; the long form of what is usable is usable, and
//! its own long form, and gives every route the same policies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_config::{Loaded, Memory, NoPolicies, Style, expand, load};

fuzz_target!(|input: &[u8]| {
    let [format, text @ ..] = input else { return };
    let name = if *format == b't' { "a.toml" } else { "a.yaml" };
    let mut texts = text.splitn(2, |&byte| byte == 0x1e);
    let mut files = Memory::new().with("secret", "hush\n");
    for name in [name, "b.yaml"] {
        files = files.with(name, texts.next().unwrap_or_default());
    }
    let loaded = load(name, &files, &variable);
    let told = problems(&loaded);
    assert_eq!(told, problems(&load(name, &files, &variable)), "the same, the second time");
    if loaded.usable().is_none() {
        return;
    }
    let long = expand(&loaded, &NoPolicies);
    let again =
        load("long.yaml", &Memory::new().with("secret", "hush\n").with("long.yaml", &*long), &variable);
    assert!(again.usable().is_some(), "{long}\n{}", problems(&again));
    assert_eq!(expand(&again, &NoPolicies), long);
    assert_eq!(policies(&again), policies(&loaded), "{long}");
});

fn variable(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8081".to_owned()),
        "LINE" => Some("GET /a".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// The policies of every route, and of requests without one.
fn policies(loaded: &Loaded) -> Vec<String> {
    let document = loaded.usable().expect("only usable documents come here");
    let routes = document.routes.iter().map(Some).chain([None]);
    routes
        .flat_map(|route| document.effective_policies(route, &NoPolicies))
        .map(|policy| format!("{} at {}", policy.name(), policy.written_at))
        .collect()
}

fn problems(loaded: &Loaded) -> String {
    loaded.problems.render(loaded.texts(), Style::Plain)
}
