//! Changes as editors, people and Kubernetes make them, in real folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use maitred_config::Glob;

use super::*;

/// A folder of this test alone, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("maitred-watch-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the change is noticed. A watch that works answers at once; the limit is for one that does not.
async fn notices(watched: &[Watched], change: impl FnOnce()) -> bool {
    let mut watch = Watch::new(watched).unwrap();
    change();
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok()
}

fn file(path: &Path) -> [Watched; 1] {
    [Watched::File(path.to_owned())]
}

#[tokio::test]
async fn a_file_written_and_one_replaced_are_noticed() {
    let folder = Folder::new("file");
    let config = folder.write("maitred.yaml", "a");
    assert!(notices(&file(&config), || fs::write(&config, "b").unwrap()).await);
    let new = folder.write("new", "c");
    assert!(notices(&file(&config), || fs::rename(&new, &config).unwrap()).await);
    assert!(notices(&file(&config), || fs::remove_file(&config).unwrap()).await);
    assert!(notices(&file(&config), || fs::write(&config, "d").unwrap()).await);
}

#[tokio::test]
async fn kubernetes_exchanging_its_link_is_noticed() {
    let folder = Folder::new("kubernetes");
    folder.write("..1/maitred.yaml", "a");
    folder.write("..2/maitred.yaml", "b");
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/maitred.yaml", folder.path("maitred.yaml")).unwrap();
    let exchange = || {
        symlink("..2", folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    };
    assert!(notices(&file(&folder.path("maitred.yaml")), exchange).await);
}

#[tokio::test]
async fn a_release_exchanged_by_a_link_above_is_noticed_and_so_is_a_folder_that_is_not_there_yet() {
    let folder = Folder::new("above");
    folder.write("releases/1/conf/maitred.yaml", "a");
    folder.write("releases/2/conf/maitred.yaml", "b");
    symlink("releases/1", folder.path("current")).unwrap();
    let exchange = || {
        symlink("releases/2", folder.path("next")).unwrap();
        fs::rename(folder.path("next"), folder.path("current")).unwrap();
    };
    assert!(notices(&file(&folder.path("current/conf/maitred.yaml")), exchange).await);
    let absent = folder.path("later/maitred.yaml");
    assert!(notices(&file(&absent), || fs::create_dir(folder.path("later")).unwrap()).await);
}

#[tokio::test]
async fn new_files_that_fit_a_pattern_are_noticed_also_below() {
    let folder = Folder::new("pattern");
    folder.write("conf.d/team/a.yaml", "a");
    let shallow = [Watched::Glob(Glob::new(&folder.0, "conf.d/*.yaml"))];
    assert!(notices(&shallow, || drop(folder.write("conf.d/b.yaml", "b"))).await);
    let deep = [Watched::Glob(Glob::new(&folder.0, "conf.d/**/*.yaml"))];
    assert!(notices(&deep, || drop(folder.write("conf.d/team/c.yaml", "c"))).await);
    let absent = [Watched::Glob(Glob::new(&folder.0, "other.d/*.yaml"))];
    assert!(notices(&absent, || drop(folder.write("other.d/d.yaml", "d"))).await);
}

#[test]
fn neighbours_links_and_reading_do_not_matter() {
    let folder = Folder::new("neighbours");
    let config = folder.write("maitred.yaml", "a");
    let log = folder.write("access.log", "");
    let glob = Watched::Glob(Glob::new(&folder.0, "conf.d/*.yaml"));
    folder.write("conf.d/a.yaml", "a");
    let places = Places::of(&[Watched::File(config.clone()), glob]);
    let event = |kind, path: &Path| Event::new(kind).add_path(path.to_owned());
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
    assert!(matters(&event(written, &config), &places));
    assert!(!matters(&event(read, &config), &places));
    assert!(!matters(&event(written, &log), &places));
    assert!(matters(&event(written, &folder.path("conf.d/b.yaml")), &places));
    assert!(!matters(&event(written, &folder.path("conf.d/b.yaml~")), &places));
    assert!(!matters(&event(written, &folder.path("conf.d/.b.yaml.swp")), &places));
}

#[test]
fn a_circle_of_links_ends() {
    let folder = Folder::new("circle");
    symlink("b", folder.path("a")).unwrap();
    symlink("a", folder.path("b")).unwrap();
    let places = Places::of(&file(&folder.path("a")));
    assert!(places.matters(&folder.path("a")) && places.matters(&folder.path("b")));
}
