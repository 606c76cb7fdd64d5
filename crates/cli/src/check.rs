//! `maitred check`: every problem of a configuration at once.
//! It loads and compiles as `run` does, binds nothing, and changes nothing.

use std::io;

use maitred_config::{Document, expand};
use maitred_control::Source;
use maitred_proxy::Clock;

use crate::arguments::CheckArguments;
use crate::console::{Console, Exit, count};
use crate::workshop::metrics_to_throw_away;

/// Checks a configuration, and prints its long form if that is asked for.
pub(crate) fn check(
    arguments: &CheckArguments,
    source: &Source<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let catalog = maitred_policies::catalog();
    let mut loaded = source.load();
    let compiled =
        source.compile(&mut loaded, Clock::default().wall(), &catalog, &metrics_to_throw_away(), None);
    if arguments.strict {
        loaded.problems.make_strict();
    }
    let file = source.path.display().to_string();
    console.problems(&loaded, &file)?;
    let (Some(snapshot), Some(document)) = (compiled, loaded.usable()) else { return Ok(Exit::Problems) };
    if arguments.expand {
        console.print(&expand(&loaded, &catalog))?;
    } else {
        console.print(&format!("{file} is fine: {}\n", summary(document)))?;
        for (policy, place, from) in snapshot.fetching() {
            let told =
                format!("not checked: what `{policy}` ({place}) is told by {from}; nobody is asked here\n");
            console.print(&told)?;
        }
    }
    Ok(Exit::Fine)
}

fn summary(document: &Document) -> String {
    let Document { routes, upstreams, listeners, .. } = document;
    [(routes.len(), "route"), (upstreams.len(), "named upstream"), (listeners.len(), "listener")]
        .map(count)
        .join(", ")
}

#[cfg(test)]
mod tests;
