//! The command line: what can be said on it, and what it means.
//! Nothing is read from disk here but whether a word is the name of a file; clap tells of mistakes and ends with 2.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use maitred_http::{FieldName, Method, check_field_value};

/// The variable that names the configuration where the command line does not.
const FILE_VARIABLE: &str = "MAITRED_CONFIG";
/// The configuration where nothing names one.
const DEFAULT_FILE: &str = "maitred.yaml";

/// An API gateway.
#[derive(Debug, Parser)]
#[command(name = "maitred", version, propagate_version = false, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 all is fine, 1 there were problems, 2 the command line is wrong.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve: reloads when the configuration changes and on SIGHUP, drains and ends on SIGTERM
    Run(RunArguments),
    /// Tell every problem of a configuration
    Check(CheckArguments),
    /// Tell what would happen to a request: which route wins, what its policies decide
    Explain(ExplainArguments),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Make API keys for consumers, and the hashes that configurations have
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run the gateway with sample services, and print requests to try
    Demo(DemoArguments),
    /// Print the version
    Version,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print a new key, and its hash
    New,
    /// Print the hash of the key that is the first line of standard input
    Hash,
    /// Print the hash of the password that is the first line of standard input
    Password,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The configuration
    #[arg(env = FILE_VARIABLE, default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// Threads that serve requests [default: as many as there are processors for this process]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroU16>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The configuration
    #[arg(env = FILE_VARIABLE, default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// Print the configuration with every short form written out and every default filled in
    #[arg(long)]
    pub(crate) expand: bool,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = "maitred explain [OPTIONS] [FILE] [METHOD] <URL>")]
pub(crate) struct ExplainArguments {
    /// The configuration (else `$MAITRED_CONFIG`, else maitred.yaml), the method (else GET), and the URL or path
    #[arg(value_name = "[FILE] [METHOD] URL", num_args = 1..=3, required = true)]
    words: Vec<String>,
    /// A header field of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = HeaderArgument::parse)]
    pub(crate) headers: Vec<HeaderArgument>,
    /// The address of the client
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) client: IpAddr,
    /// The certificate that the client shows, in PEM; it is not verified
    #[arg(long, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The listener that the request comes to [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) listener: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell of every route that lost, however many there are
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// The port of the gateway; its internal listener takes the next one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The port of the admin listener
    #[arg(long, value_name = "PORT", default_value_t = 9180)]
    pub(crate) admin_port: u16,
}

/// A header field on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderArgument {
    pub(crate) name: FieldName,
    pub(crate) value: String,
}

impl HeaderArgument {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("write it like 'Accept: text/html'")?;
        let name = FieldName::parse(name).map_err(|_| format!("`{name}` is no name of a field"))?;
        let value = value.trim_matches([' ', '\t']).to_owned();
        if !check_field_value(value.as_bytes()) {
            return Err("the value has bytes that no field may have".to_owned());
        }
        Ok(Self { name, value })
    }
}

/// What the words of `maitred explain` mean.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExplainWords {
    pub(crate) file: PathBuf,
    pub(crate) method: Method,
    pub(crate) url: String,
}

impl ExplainArguments {
    /// Tells file, method and URL apart: of two words before the URL the first is the file, one alone is the file if it
    /// looks like a path or exists.
    pub(crate) fn words(&self) -> Result<ExplainWords, String> {
        let (file, method, url) = match &self.words[..] {
            [url] => (None, None, url),
            [file, url] if is_file(file) => (Some(file), None, url),
            [method, url] => (None, Some(method), url),
            [file, method, url] => (Some(file), Some(method), url),
            _ => return Err("give a method and a URL".to_owned()),
        };
        let method = match method {
            Some(text) => Method::parse(text.as_bytes())
                .map_err(|_| format!("`{text}` is neither a method nor a file"))?,
            None => Method::Get,
        };
        let file = file.map_or_else(default_file, PathBuf::from);
        Ok(ExplainWords { file, method, url: url.clone() })
    }
}

fn is_file(word: &str) -> bool {
    word.contains(['.', '/']) || std::path::Path::new(word).is_file()
}

fn default_file() -> PathBuf {
    std::env::var_os(FILE_VARIABLE).map_or_else(|| DEFAULT_FILE.into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let words = std::iter::once("maitred").chain(line.split('|'));
        Arguments::try_parse_from(words).map(|arguments| arguments.command)
    }

    fn explain(line: &str) -> ExplainArguments {
        match parse(&format!("explain|{line}")).unwrap() {
            Command::Explain(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_and_check_take_a_file_and_their_options() {
        let Ok(Command::Run(run)) = parse("run|a.yaml|--workers|3") else { panic!("it is run") };
        assert_eq!((run.file, run.workers.map(NonZeroU16::get)), (PathBuf::from("a.yaml"), Some(3)));
        let Ok(Command::Check(check)) = parse("check|a.yaml|--strict|--expand") else {
            panic!("it is check")
        };
        assert!(check.strict && check.expand);
    }

    #[test]
    fn mistakes_are_told() {
        for (line, kind) in [
            ("", ErrorKind::InvalidSubcommand),
            ("serve", ErrorKind::InvalidSubcommand),
            ("run|--workers|0", ErrorKind::ValueValidation),
            ("check|--strikt", ErrorKind::UnknownArgument),
            ("explain", ErrorKind::MissingRequiredArgument),
            ("explain|a.yaml|GET|/|/", ErrorKind::TooManyValues),
            ("explain|/|-H|no colon", ErrorKind::ValueValidation),
            ("explain|/|-H|a b: c", ErrorKind::ValueValidation),
            ("explain|/|--client|here", ErrorKind::ValueValidation),
            ("demo|--port|70000", ErrorKind::ValueValidation),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
        }
    }

    #[test]
    fn the_words_of_explain_are_told_apart() {
        let words = |line: &str| {
            let words = explain(line).words().unwrap();
            (words.file.display().to_string(), words.method.to_string(), words.url)
        };
        let told = |file: &str, method: &str, url: &str| (file.to_owned(), method.to_owned(), url.to_owned());
        assert_eq!(words("shop.yaml|POST|/a"), told("shop.yaml", "POST", "/a"));
        assert_eq!(words("conf/shop|http://h/a"), told("conf/shop", "GET", "http://h/a"));
        assert_eq!(words("DELETE|/a").1, "DELETE");
        assert_eq!(words("/a").1, "GET");
        assert!(explain("GE T|/a").words().is_err());
    }

    #[test]
    fn header_fields_are_read_as_curl_reads_them() {
        let arguments = explain("/a|-H|Accept:  text/html |--header|X-A: b:c|-H|X-Empty:");
        let told: Vec<_> =
            arguments.headers.iter().map(|header| (header.name.as_str(), &*header.value)).collect();
        assert_eq!(told, [("Accept", "text/html"), ("X-A", "b:c"), ("X-Empty", "")]);
    }
}
