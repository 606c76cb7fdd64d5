//! `maitred explain`: what would happen to a request, told without sending anything.
//! The engine explains (`maitred_proxy::explain`); here the request is made and the explanation is written down.

mod request;
mod told;

use std::io;
use std::path::Path;

use maitred_config::Loaded;
use maitred_control::Source;
use maitred_net::ClientCertificate;
use maitred_proxy::{Caller, Clock, Explained};

use crate::arguments::{ExplainArguments, ExplainWords};
use crate::console::{Console, Exit};
use crate::workshop::metrics_to_throw_away;

/// Explains one request.
pub(crate) fn explain(
    arguments: &ExplainArguments,
    words: &ExplainWords,
    source: &Source<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let request = match request::request(words.method, &words.url, &arguments.headers) {
        Ok(request) => request,
        Err(problem) => return console.usage(&problem),
    };
    let certificate = match arguments.client_cert.as_deref().map(|path| certificate(path, source)).transpose()
    {
        Ok(certificate) => certificate,
        Err(problem) => return console.usage(&problem),
    };
    let caller = Caller { client: arguments.client, certificate };
    let catalog = maitred_policies::catalog();
    let mut loaded = source.load();
    let compiled =
        source.compile(&mut loaded, Clock::default().wall(), &catalog, &metrics_to_throw_away(), None);
    let Some(snapshot) = compiled else {
        console.problems(&loaded, &source.path.display().to_string())?;
        return Ok(Exit::Problems);
    };
    let listener = arguments.listener.as_deref();
    let now = Clock::default().wall();
    match maitred_proxy::explain(&snapshot, &request, caller, listener, now) {
        Some(explained) => {
            let text = tell(arguments, words, &explained, console);
            console.print(&text)?;
            Ok(Exit::Fine)
        }
        None => console.usage(&no_listener(&loaded, listener.unwrap_or_default())),
    }
}

fn tell(
    arguments: &ExplainArguments,
    words: &ExplainWords,
    explained: &Explained,
    console: &Console<'_>,
) -> String {
    if arguments.json {
        return format!("{:#}\n", told::json(words, arguments.client, explained));
    }
    told::text(words, explained, arguments.all, console.out_style)
}

fn certificate(path: &Path, source: &Source<'_>) -> Result<ClientCertificate, String> {
    let pem =
        source.files.read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    ClientCertificate::of_pem(&pem).ok_or_else(|| format!("`{}` has no certificate in PEM", path.display()))
}

fn no_listener(loaded: &Loaded, name: &str) -> String {
    let names: Vec<String> = loaded
        .document
        .iter()
        .flat_map(|document| document.listeners.names())
        .map(|name| format!("`{name}`"))
        .collect();
    format!("there is no listener `{name}`: known are {}", names.join(", "))
}

#[cfg(test)]
mod tests;
