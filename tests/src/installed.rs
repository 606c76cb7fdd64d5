//! Programs of others that `cargo xtask needs tests` installs where it can. A test without one is skipped.

use std::path::PathBuf;

/// A file among those that were installed for tests alone, outside the repository; none where it was not.
pub(crate) fn cached(path: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("maitred-tests").join(path)).filter(|path| path.exists())
}

/// Where a program is, if it is installed.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian puts servers where only root looks for programs.
    let others = [Some("/usr/sbin".into()), cached("h2spec")];
    let folders = std::env::split_paths(&path).chain(others.into_iter().flatten());
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}
