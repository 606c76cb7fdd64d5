//! Where the descriptors of services come from: a file of them, `.proto` sources, or the service.
//! What is wrong with them is told with the file that it is in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use maitred_config::{FilePath, Glob, Problem};
use maitred_grpc::{Descriptors, LoadError, Transcoder, TranscoderOptions};
use maitred_policy::Build;

use super::GrpcJsonConfig;

/// Where they come from.
pub(super) enum Source {
    /// They were read.
    Files(Box<Descriptors>),
    /// The service is to be asked.
    Reflection,
}

/// Reads the descriptors, where they are in files.
pub(super) fn source(config: &GrpcJsonConfig, build: &mut Build<'_>) -> Option<Source> {
    let descriptors = match (&config.descriptors, &config.protos, config.reflection) {
        (None, None, true) => return Some(Source::Reflection),
        (Some(set), None, false) => {
            let bytes = build.read(set.as_path())?;
            let read = Descriptors::from_set(&bytes);
            read.map_err(|error| told(&format!("`{}`: {error}", set.as_path().display()), build)).ok()
        }
        (None, Some(protos), false) => {
            let mut files = Vec::new();
            for pattern in protos.iter().map(FilePath::as_path) {
                let found = files_of(pattern, build);
                if found.is_empty() {
                    told(&format!("no file fits `{}`", pattern.display()), build);
                    return None;
                }
                files.extend(found);
            }
            from_sources(&files, build)
        }
        (None, None, false) => {
            let message = "it is not said where the services are described";
            let help = "write `descriptors: FILE` for a set of descriptors, `protos: FILE` for sources, or `reflection: true` to ask the service";
            build.report(Problem::error(message).at(build.span()).help(help));
            None
        }
        _ => {
            let message = "services are described by one of `descriptors`, `protos` and `reflection`";
            build.report(Problem::error(message).at(build.span()));
            None
        }
    };
    descriptors.map(|descriptors| Source::Files(Box::new(descriptors)))
}

/// Compiles the annotations. Everything that is wrong with them is told.
pub(super) fn transcoder(
    descriptors: &Descriptors,
    options: TranscoderOptions,
    build: &mut Build<'_>,
) -> Option<Transcoder> {
    match Transcoder::new(descriptors, options) {
        Ok(transcoder) => Some(transcoder),
        Err(problems) => {
            for problem in problems {
                told(&format!("`{}`: {}", problem.rpc, problem.problem), build);
            }
            None
        }
    }
}

fn told(message: &str, build: &mut Build<'_>) {
    build.report(Problem::error(message).at(build.span()));
}

/// A file, or those that fit a pattern.
fn files_of(pattern: &Path, build: &Build<'_>) -> Vec<PathBuf> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return vec![pattern.to_owned()];
    }
    build.find(&Glob::new(Path::new(""), &text))
}

/// Reads sources. Their imports are looked for in the folders that hold the sources, and in those above them.
fn from_sources(files: &[PathBuf], build: &mut Build<'_>) -> Option<Descriptors> {
    let mut folders: Vec<&Path> = Vec::new();
    for folder in files.iter().flat_map(|file| file.ancestors().skip(1)) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let sources = named(files);
    let mut found = sources.clone();
    let read = |name: &str| {
        let own = sources.get(name).cloned();
        let places = own.into_iter().chain(folders.iter().map(|folder| folder.join(name)));
        for place in places {
            match build.try_read(&place) {
                Ok(bytes) => {
                    found.insert(name.to_owned(), place);
                    return String::from_utf8(bytes).map_err(io::Error::other);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file"))
    };
    let names: Vec<&str> = sources.keys().map(String::as_str).collect();
    match Descriptors::from_sources(&names, read) {
        Ok(descriptors) => Some(descriptors),
        Err(error) => {
            told(&with_path(&error, &found), build);
            None
        }
    }
}

/// Names for files, which are relative: from the folder on that has them all.
fn named(files: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let has_all = |folder: &&Path| files.iter().all(|file| file.starts_with(folder));
    let mut above = files.iter().flat_map(|file| file.ancestors().skip(1));
    let common = above.find(has_all).unwrap_or(Path::new(""));
    let name = |file: &Path| file.strip_prefix(common).unwrap_or(file).to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), file.clone())).collect()
}

/// An error as the user can look it up: with the path of the file, and not with the name that it is imported by.
fn with_path(error: &LoadError, found: &BTreeMap<String, PathBuf>) -> String {
    let place = found.iter().find_map(|(name, path)| {
        let rest = error.place().strip_prefix(name.as_str())?;
        (rest.is_empty() || rest.starts_with(':')).then(|| format!("{}{rest}", path.display()))
    });
    place.map_or_else(|| error.to_string(), |place| format!("{place}: {}", error.problem()))
}
