//! Generated files: what the program says of itself, kept in the repository so that people and editors find it.
//! `generate` writes them, `generate --check` fails when the program has come to say something else.

use std::path::Path;
use std::process::{Command, Stdio};

/// A file and the arguments of `maitred` that print it.
struct Generated {
    path: &'static str,
    arguments: &'static [&'static str],
}

const FILES: [Generated; 1] = [Generated { path: "docs/maitred.schema.json", arguments: &["schema"] }];

pub fn write(root: &Path) -> Result<(), String> {
    for file in &FILES {
        let text = file.text(root)?;
        let path = root.join(file.path);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", file.path))?;
        println!("wrote {}", file.path);
    }
    Ok(())
}

pub fn compare(root: &Path) -> Result<(), String> {
    let mut stale = Vec::new();
    for file in &FILES {
        let text = file.text(root)?;
        if std::fs::read(root.join(file.path)).ok() != Some(text) {
            stale.push(file.path);
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("not what the program says: {}; run `cargo xtask generate` and commit", stale.join(", ")))
    }
}

impl Generated {
    fn text(&self, root: &Path) -> Result<Vec<u8>, String> {
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--package", "maitred-cli", "--"])
            .args(self.arguments)
            .current_dir(root)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        let words = self.arguments.join(" ");
        if !output.status.success() || output.stdout.is_empty() {
            return Err(format!("maitred {words} printed nothing that could be kept"));
        }
        Ok(output.stdout)
    }
}
