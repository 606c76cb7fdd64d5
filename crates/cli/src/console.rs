//! Where commands write and how they end: results to standard output, problems to standard error, in colours on a
//! terminal. A struct, so that tests can read what is written.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use maitred_config::{Loaded, Severity, Style};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is fine.
    Fine,
    /// There were problems, and they are told.
    Problems,
    /// The command line is wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::Usage => 2,
        })
    }
}

/// Where a command writes.
pub(crate) struct Console<'a> {
    pub(crate) out: Box<dyn Write + 'a>,
    pub(crate) err: Box<dyn Write + 'a>,
    pub(crate) out_style: Style,
    pub(crate) err_style: Style,
}

impl Console<'_> {
    /// The standard output and error of the process.
    pub(crate) fn of_process() -> Self {
        let style = |is_terminal: bool| {
            let plain = !is_terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            if plain { Style::Plain } else { Style::Coloured }
        };
        let (out, err) = (io::stdout(), io::stderr());
        Self {
            out_style: style(out.is_terminal()),
            err_style: style(err.is_terminal()),
            out: Box::new(out),
            err: Box::new(err),
        }
    }

    /// Writes a result.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Tells of an error that has no place in a file.
    pub(crate) fn error(&mut self, message: &str) -> io::Result<()> {
        let word = paint("error", "1;31", self.err_style);
        writeln!(self.err, "{word}: {message}")
    }

    /// Tells of a mistake on the command line that the parser of arguments cannot see.
    pub(crate) fn usage(&mut self, message: &str) -> io::Result<Exit> {
        self.error(message)?;
        writeln!(self.err, "\nFor more information, try '--help'.")?;
        Ok(Exit::Usage)
    }

    /// Draws all problems of a configuration and counts them in a last line; nothing if there are none.
    pub(crate) fn problems(&mut self, loaded: &Loaded, file: &str) -> io::Result<()> {
        if loaded.problems.is_empty() {
            return Ok(());
        }
        writeln!(self.err, "{}", loaded.problems.render(loaded.texts(), self.err_style))?;
        let errors = loaded.problems.error_count();
        let warnings = loaded.problems.iter().filter(|problem| problem.severity == Severity::Warning).count();
        let counts: Vec<String> = [(errors, "error"), (warnings, "warning")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(count)
            .collect();
        writeln!(self.err, "{file}: {}", counts.join(", "))
    }
}

/// `1 route`, `2 routes`.
pub(crate) fn count((number, what): (usize, &str)) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Text in a colour (the parameters of an SGR sequence), if colours are wanted.
pub(crate) fn paint(text: &str, colour: &str, style: Style) -> String {
    match style {
        Style::Coloured => format!("\x1b[{colour}m{text}\x1b[0m"),
        Style::Plain => text.to_owned(),
    }
}
