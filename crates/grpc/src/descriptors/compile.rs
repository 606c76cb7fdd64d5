//! Files to one pool: each after those that it imports, with what is built in where the files do not have it. Whether the
//! result can be used is checked behind it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::builtin;
use super::error::LoadError;

/// Puts files together; imports that are not among them must be built in.
pub(super) fn compile(files: BTreeMap<String, File>, roots: &[String]) -> Result<DescriptorPool, LoadError> {
    let order = order(&files)?;
    if let Some(missing) = roots.iter().find(|root| !files.contains_key(*root) && !builtin::is_known(root)) {
        return Err(LoadError::new(missing, "the file is not there"));
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Given(files));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    for name in order.iter().chain(roots) {
        compiler.open_file(name)?;
    }
    Ok(with_details(compiler.descriptor_pool()))
}

/// Adds what the status of a call may carry. Descriptors that have some of it in files of other names keep those.
fn with_details(pool: DescriptorPool) -> DescriptorPool {
    let mut extended = pool.clone();
    let protobuf = GoogleFileResolver::new();
    let files = builtin::DETAILS.into_iter().map(|name| match builtin::open(name) {
        Some(file) => file,
        None => protobuf.open_file(name).expect("protobuf's own files are built in"),
    });
    match extended.add_file_descriptor_protos(files.map(Into::into)) {
        Ok(()) => extended,
        Err(_) => pool,
    }
}

/// Files so that each comes after those it imports; the compiler then never has to follow chains of imports.
fn order(files: &BTreeMap<String, File>) -> Result<Vec<String>, LoadError> {
    let mut order = Vec::with_capacity(files.len());
    let mut done: HashSet<&str> = HashSet::new();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut importers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, file) in files {
        let imports: BTreeSet<&str> =
            file.file_descriptor_proto().dependency.iter().map(String::as_str).collect();
        let given: Vec<&str> = imports.into_iter().filter(|import| files.contains_key(*import)).collect();
        missing.insert(name, given.len());
        for import in given {
            importers.entry(import).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> =
        missing.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = ready.pop() {
        order.push(name.to_owned());
        done.insert(name);
        for &importer in importers.get(name).into_iter().flatten() {
            if let Some(count) = missing.get_mut(importer) {
                *count -= 1;
                if *count == 0 {
                    ready.push(importer);
                }
            }
        }
    }
    match files.keys().find(|name| !done.contains(name.as_str())) {
        Some(name) => Err(LoadError::new(name, "the file imports itself, or files that import it")),
        None => Ok(order),
    }
}

/// The files that were given, and behind them those of this crate.
struct Given(BTreeMap<String, File>);

impl FileResolver for Given {
    fn resolve_path(&self, path: &std::path::Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(file) => Ok(file.clone()),
            None => builtin::open(name).ok_or_else(|| protox::Error::file_not_found(name)),
        }
    }
}
