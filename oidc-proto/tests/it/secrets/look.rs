//! Looks at the texts of types for secrets, and remembers the types that it has looked at.

use std::{
    any::type_name,
    collections::BTreeSet,
    error::Error,
    fmt::{Debug, Display},
    fs,
    path::Path,
};

/// Secrets by name, and the types that were looked at.
#[derive(Default)]
pub(crate) struct Looker {
    secrets: Vec<(String, String)>,
    pub(crate) seen: BTreeSet<String>,
}

impl Looker {
    /// From now on this secret must not show anywhere. For a token, this means every part except the
    /// header.
    pub(crate) fn hide(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 16, "{name} is too long to be found by accident: {secret}");
        self.secrets.push((name.to_owned(), secret.to_owned()));
        // Nor may a cut-off part show.
        if secret.starts_with("ey") {
            for part in secret.split('.').skip(1).flat_map(|part| part.as_bytes().chunks_exact(40)) {
                let part = String::from_utf8(part.to_vec()).unwrap();
                self.secrets.push((format!("a part of {name}"), part));
            }
        }
    }

    /// The secret of this name, for hostile responses to repeat.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
    }

    /// Looks at a value.
    #[track_caller]
    pub(crate) fn at<T: Debug>(&mut self, value: &T) {
        self.seen.insert(path_of(type_name::<T>()));
        self.text(&format!("{value:?}"));
        self.text(&format!("{value:#?}"));
    }

    /// Looks at an error and at all its causes.
    #[track_caller]
    pub(crate) fn at_error<T: Error + Clone + 'static>(&mut self, error: &T) {
        self.at(error);
        self.text(&error.to_string());
        let mut source = error.source();
        while let Some(error) = source {
            self.text(&format!("{error:?} {error:#?} {error}"));
            source = error.source();
        }
    }

    #[track_caller]
    pub(crate) fn at_display(&mut self, value: &impl Display) {
        self.text(&value.to_string());
    }

    #[track_caller]
    pub(crate) fn text(&self, text: &str) {
        for (name, secret) in &self.secrets {
            assert!(!text.contains(secret.as_str()), "{name} shows in {text}");
        }
    }
}

/// Turns `oidc_proto::flow::call::Call<…>` into `flow::call::Call`.
fn path_of(name: &str) -> String {
    let name = name.trim_start_matches('&').split('<').next().unwrap_or_default();
    name.strip_prefix("oidc_proto::").unwrap_or(name).to_owned()
}

/// Every `pub struct` and `pub enum` in the sources of the core, by path.
pub(crate) fn public_types() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|kind| kind != "rs") || path.ends_with("misuse.rs") {
                continue;
            }
            let module = path.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().into_owned();
            let module = module.replace(['/', '\\'], "::");
            let module = module.strip_suffix("::mod").unwrap_or(&module);
            found.extend(
                types_in(&fs::read_to_string(&path).unwrap()).map(|name| format!("{module}::{name}")),
            );
        }
    }
    found
}

/// The names of the public types that a text declares.
pub(crate) fn types_in(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start().strip_prefix("pub ")?;
        let name = line.strip_prefix("struct ").or_else(|| line.strip_prefix("enum "))?;
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        Some(&name[..end])
    })
}
