//! Issuers of the document, as policies name them: where they describe themselves, and whose certificates count there.
//! What is in a description is read in `discovery.rs`.

use std::sync::Arc;

use maitred_config::scalar::nearest::nearest;
use maitred_config::{FilePath, Issuer, NamedEntry, Problem, Spanned};
use maitred_policy::{Build, FetchedShared};

use super::discovery::{Described, Discovery};

/// The issuer of this name. That there is none is reported.
pub(crate) fn issuer<'a>(name: &Spanned<String>, build: &mut Build<'a>) -> Option<&'a NamedEntry<Issuer>> {
    let all = build.issuers();
    let found = all.entry(name);
    // What is wrong with it is told where it stands.
    if found.is_none() && !all.names().any(|known| known == name.value) {
        let problem = Problem::error(format!("there is no issuer `{}`", name.value)).at(name.span);
        let known: Vec<&str> = all.names().collect();
        build.report(match nearest(name, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => {
                problem.help("write `issuers: { NAME: URL }` at the top of the document")
            }
            None => problem.help(format!("known here: {}", known.join(", "))),
        });
    }
    found
}

/// The description of an issuer, once for all who want it. What was fetched before a reload goes on.
pub(crate) fn described(entry: &NamedEntry<Issuer>, build: &mut Build<'_>) -> Option<Arc<Described>> {
    let issuer = &entry.value;
    build.resource(&entry.name, |build, previous: Option<&Arc<Described>>| {
        let Some(url) = issuer.description_url() else {
            let problem = Problem::error(format!(
                "the issuer `{}` is no URL, so that nothing tells where it is asked",
                entry.name
            ));
            build
                .report(problem.at(entry.span).help("write the URL of the endpoint where the policy stands"));
            return None;
        };
        let bundle = match &issuer.tls {
            Some(tls) => Some(bundle(&tls.ca, build)?),
            None => None,
        };
        let how = Discovery::new(&issuer.issuer, url, bundle);
        let known = previous.filter(|previous| *previous.how() == how);
        Some(known.map_or_else(|| Arc::new(FetchedShared::new(how)), Arc::clone))
    })
}

/// The authorities in a file. What is wrong with it is reported.
pub(crate) fn bundle(file: &Spanned<FilePath>, build: &mut Build<'_>) -> Option<Vec<u8>> {
    let path = file.as_path();
    let why = match build.try_read(path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") => {
            return Some(bytes);
        }
        Ok(_) => "it has no certificate as PEM".to_owned(),
        Err(error) => error.to_string(),
    };
    let problem = Problem::error(format!("`{}` is no bundle of authorities: {why}", path.display()));
    build.report(problem.at(file.span));
    None
}
