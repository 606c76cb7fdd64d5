//! The program `maitred`: reads the command line and does what it says. The only place that joins engine and policies.
//!
//! It ends with 0 if all is fine, with 1 if there were problems (a configuration with errors, an address in use), with
//! 2 if the command line is wrong.

#![forbid(unsafe_code)]

mod arguments;
mod check;
mod console;
mod demo;
#[cfg(test)]
mod documents;
mod explain;
mod key;
mod run;
mod schema;
#[cfg(test)]
mod testing;
mod workshop;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};
use self::console::{Console, Exit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(&arguments.command, &mut Console::of_process()) {
        Ok(exit) => exit.into(),
        // Whoever reads the output has seen enough: `maitred schema | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine.into(),
        Err(error) => {
            // If that cannot be told either, the exit code says it.
            let _ = Console::of_process().error(&error.to_string());
            Exit::Problems.into()
        }
    }
}

fn dispatch(command: &Command, console: &mut Console<'_>) -> io::Result<Exit> {
    match command {
        Command::Run(arguments) => run::run(arguments, console),
        Command::Check(arguments) => check::check(arguments, &workshop::on_disk(&arguments.file), console),
        Command::Explain(arguments) => {
            let words = match arguments.words() {
                Ok(words) => words,
                Err(problem) => return console.usage(&problem),
            };
            explain::explain(arguments, &words, &workshop::on_disk(&words.file), console)
        }
        Command::Schema => schema::schema(console),
        Command::Key(command) => key::key(*command, io::stdin().lock(), console),
        Command::Demo(arguments) => demo::demo(arguments, console),
        Command::Version => {
            console.print(&format!("maitred {}\n", workshop::VERSION))?;
            Ok(Exit::Fine)
        }
    }
}
