//! Descriptors of messages and services: from a set that `protoc` wrote, from `.proto` files, or from a server's
//! reflection. All three are put together in one way, checked, and bounded in size.

mod builtin;
mod compile;
mod error;
mod source;

use std::collections::{BTreeMap, VecDeque};
use std::{fmt, io};

use prost_reflect::{DescriptorPool, Kind};
use protox::file::File;

use crate::weight::{TooHeavy, Weight};
use crate::wire::{Wire, WireError, WireReader, put};
use compile::compile;

pub use error::LoadError;

/// Files that one set may have.
const MAX_FILES: usize = 4096;
/// Bytes that all files of a set may have together.
const MAX_BYTES: usize = 32 << 20;

/// Messages, enums and services, and all that they refer to.
#[derive(Clone)]
pub struct Descriptors {
    pool: DescriptorPool,
    services: Vec<String>,
}

impl Descriptors {
    /// Reads an encoded `FileDescriptorSet`, as `protoc --include_imports --descriptor_set_out` and `buf build` write
    /// it. Its services are those of all its files.
    pub fn from_set(set: &[u8]) -> Result<Self, LoadError> {
        let malformed = || LoadError::new("", "the file is no set of descriptors");
        let mut files = Files::default();
        let mut reader = WireReader::new(set);
        while let Some((number, value)) = reader.next().map_err(|_| malformed())? {
            match value {
                Wire::Bytes(file) if number == 1 => files.add_encoded(file)?,
                _ => {}
            }
        }
        let roots = files.names();
        Self::build(files, &roots, None)
    }

    /// Reads `.proto` files and what they import. `read` gives the text of a file by the name by which it is imported;
    /// `google/protobuf/*`, the annotations of `google/api` and `google/rpc` need not be there. The services are those
    /// of the named files, without those of imports. A named file that others import by another name is one file: it
    /// takes the name that it is imported by.
    ///
    /// ```
    /// use maitred_grpc::Descriptors;
    ///
    /// let descriptors = Descriptors::from_sources(&["hello.proto"], |name| {
    ///     assert_eq!(name, "hello.proto");
    ///     Ok("syntax = 'proto3'; message Hello {} service Greeter { rpc Greet(Hello) returns (Hello); }".to_owned())
    /// })
    /// .unwrap();
    /// assert_eq!(descriptors.services().collect::<Vec<_>>(), ["Greeter"]);
    /// ```
    pub fn from_sources(
        names: &[&str],
        mut read: impl FnMut(&str) -> io::Result<String>,
    ) -> Result<Self, LoadError> {
        let mut files = Files::default();
        let mut roots: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut wanted: VecDeque<(String, String)> =
            roots.iter().map(|name| (name.clone(), String::new())).collect();
        while let Some((name, importer)) = wanted.pop_front() {
            if files.has(&name) {
                continue;
            }
            let text = match read_within(&name, &mut read) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound && builtin::is_known(&name) => continue,
                Err(error) if importer.is_empty() => return Err(LoadError::new(&name, error.to_string())),
                Err(error) => {
                    return Err(LoadError::new(&importer, format!("cannot import {name:?}: {error}")));
                }
            };
            if let Some(root) = roots.iter_mut().find(|root| files.is_text_of(root, &text)) {
                files.files.remove(root);
                root.clone_from(&name);
            }
            let imports = files.add_source(&name, &text)?;
            wanted.extend(imports.into_iter().map(|import| (import, name.clone())));
        }
        Self::build(files, &roots, None)
    }

    /// Puts encoded files together whose services are named.
    pub(crate) fn from_files(encoded: &[Vec<u8>], services: Vec<String>) -> Result<Self, LoadError> {
        let mut files = Files::default();
        for file in encoded {
            files.add_encoded(file)?;
        }
        let roots = files.names();
        Self::build(files, &roots, Some(services))
    }

    /// The full names of the services, such as `shop.v1.Inventory`.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    pub(crate) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    fn build(files: Files, roots: &[String], services: Option<Vec<String>>) -> Result<Self, LoadError> {
        let pool = compile(files.files, roots)?;
        check_maps(&pool)?;
        let services = services.unwrap_or_else(|| {
            let is_root = |service: &prost_reflect::ServiceDescriptor| {
                roots.iter().any(|root| root == service.parent_file().name())
            };
            pool.services().filter(is_root).map(|service| service.full_name().to_owned()).collect()
        });
        if let Some(missing) = services.iter().find(|name| pool.get_service_by_name(name).is_none()) {
            return Err(LoadError::new("", format!("the service {missing} is in none of the files")));
        }
        Ok(Self { pool, services })
    }
}

/// Whether they describe the same, file by file.
impl PartialEq for Descriptors {
    fn eq(&self, other: &Self) -> bool {
        self.services == other.services
            && self.pool.file_descriptor_protos().eq(other.pool.file_descriptor_protos())
    }
}

impl fmt::Debug for Descriptors {
    /// The services alone: the library's own form of a message that contains itself has no end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptors").field("services", &self.services).finish_non_exhaustive()
    }
}

/// Files that have been read, by name, and no more than there may be.
#[derive(Default)]
struct Files {
    files: BTreeMap<String, File>,
    bytes: usize,
    /// Of what was encoded.
    weight: Weight,
}

impl Files {
    fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    fn is_text_of(&self, name: &str, text: &str) -> bool {
        self.files.get(name).is_some_and(|file| file.source() == Some(text))
    }

    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn add_encoded(&mut self, encoded: &[u8]) -> Result<(), LoadError> {
        self.count(encoded.len())?;
        let malformed = |error: &dyn fmt::Display| {
            LoadError::new("", format!("a descriptor of a file is malformed: {error}"))
        };
        let encoded = without_places(encoded).map_err(|_| malformed(&"it is no message"))?;
        let too_many =
            |TooHeavy| LoadError::new("", "the files have too many messages, fields and values together");
        self.weight.add(&encoded).map_err(too_many)?;
        let file = File::decode_file_descriptor_proto(&*encoded).map_err(|error| malformed(&error))?;
        // The library panics where it should refuse these.
        if let Some(syntax) = file.file_descriptor_proto().syntax.as_deref()
            && !matches!(syntax, "proto2" | "proto3")
        {
            let problem = format!("the syntax is {syntax:?}, and only proto2 and proto3 can be read");
            return Err(LoadError::new(file.name(), problem));
        }
        self.add(file.name().to_owned(), file)
    }

    /// Adds a file and answers with what it imports.
    fn add_source(&mut self, name: &str, text: &str) -> Result<Vec<String>, LoadError> {
        self.count(text.len())?;
        let file = source::parse(name, text)?;
        let imports = file.file_descriptor_proto().dependency.clone();
        self.add(name.to_owned(), file)?;
        Ok(imports)
    }

    fn add(&mut self, name: String, file: File) -> Result<(), LoadError> {
        // Servers send a file again for each symbol that is asked for: the same file is no problem.
        let known = self.files.get(&name);
        if known.is_some_and(|known| known.file_descriptor_proto() != file.file_descriptor_proto()) {
            return Err(LoadError::new(&name, "there are two files of this name, and they differ"));
        }
        self.files.insert(name, file);
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), LoadError> {
        self.bytes += bytes;
        if self.files.len() >= MAX_FILES {
            return Err(LoadError::new("", format!("there are more than {MAX_FILES} files")));
        }
        if self.bytes > MAX_BYTES {
            return Err(LoadError::new("", format!("the files have more than {MAX_BYTES} bytes together")));
        }
        Ok(())
    }
}

/// An encoded file without the places and comments of its source, which are much and of no use here.
fn without_places(encoded: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut kept = Vec::with_capacity(encoded.len());
    let mut reader = WireReader::new(encoded);
    while let Some((number, value)) = reader.next()? {
        if number != PLACES {
            put(&mut kept, number, value);
        }
    }
    Ok(kept)
}

/// The field `source_code_info` of `FileDescriptorProto`.
const PLACES: u32 = 9;

/// Names of imports are relative, and never lead out of where files are read.
fn read_within(name: &str, read: &mut impl FnMut(&str) -> io::Result<String>) -> io::Result<String> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    if !name.split('/').all(is_plain) {
        let problem = "the name of a file is relative, with slashes, and without `.` and `..`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    read(name)
}

/// Entries of maps are messages with a key and a value. Encoded descriptors can say otherwise.
fn check_maps(pool: &DescriptorPool) -> Result<(), LoadError> {
    for message in pool.all_messages().filter(prost_reflect::MessageDescriptor::is_map_entry) {
        let is_key = |kind: Kind| {
            !matches!(kind, Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Enum(_))
        };
        let has_key = message.get_field(1).is_some_and(|key| !key.is_list() && is_key(key.kind()));
        let has_value = message.get_field(2).is_some_and(|value| !value.is_list());
        if !has_key || !has_value {
            let problem = format!("{} is the entry of a map, and has no key and value", message.full_name());
            return Err(LoadError::new(message.parent_file().name(), problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
