//! The paths of Unix sockets, as endpoints and listeners share them: `unix:/run/app.sock`.
//! Only the text is checked: whether there is such a socket shows when it is bound or connected to.

use super::{ScalarProblem, quote};

/// The longest path that Linux takes, in bytes (`sun_path` without its NUL).
const LONGEST: usize = 107;

/// Reads what stands behind `unix:`. A relative path is kept, and relative to the file that names it.
pub(super) fn parse(path: &str) -> Result<String, ScalarProblem> {
    if let Some(absolute) = path.strip_prefix("//") {
        let ours = format!("unix:/{}", absolute.trim_start_matches('/'));
        return Err(ScalarProblem::whole("no `//` stands in the path of a socket", path)
            .help(format!("write {}", quote(&ours))));
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(ScalarProblem::whole("the path of a socket is missing", path)
            .help("write it like `unix:/run/app.sock`"));
    }
    if let Some((at, c)) = path.char_indices().find(|(_, c)| c.is_control()) {
        let message = format!("{} cannot stand in the path of a socket", quote(&c.to_string()));
        return Err(ScalarProblem::new(message, at..at + c.len_utf8()));
    }
    if path.len() > LONGEST {
        return Err(ScalarProblem::whole("the path of this socket is too long", path)
            .help(format!("the system takes {LONGEST} bytes, these are {}", path.len())));
    }
    // nginx writes `unix:/run/app.sock:/uri`.
    if let Some((socket, uri)) = path.split_once(":/") {
        return Err(ScalarProblem::new(
            "a path of requests stands behind the socket",
            socket.len()..path.len(),
        )
        .help(format!(
            "write {}, and {} as `add_prefix`",
            quote(&format!("unix:{socket}")),
            quote(&format!("/{uri}"))
        )));
    }
    Ok(path.to_owned())
}
