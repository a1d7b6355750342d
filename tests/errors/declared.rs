//! Which public errors the sources declare, with all their variants.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The crates whose errors users meet.
const CRATES: [(&str, &str); 9] = [
    ("oidc_proto", "oidc-proto"),
    ("oidc_drive", "oidc-adapters/drive"),
    ("oidc_ureq", "oidc-adapters/ureq"),
    ("oidc_hyper", "oidc-adapters/hyper"),
    ("oidc_reqwest", "oidc-adapters/reqwest"),
    ("oidc_tower", "oidc-adapters/tower"),
    ("oidc_axum", "oidc-adapters/axum"),
    ("oidc_tracing", "oidc-adapters/tracing"),
    ("oidc_redis", "oidc-adapters/redis"),
];

/// `oidc_proto::UrlError::NoHost`; of a struct `oidc_proto::OAuthError`.
pub(crate) fn all() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, folder) in CRATES {
        let texts: Vec<String> = sources(&crate::root().join(folder).join("src"));
        let derived: BTreeSet<&str> = texts.iter().flat_map(|text| derive_it(text)).collect();
        let is_error = |kind: &str| {
            kind.ends_with("Error")
                || derived.contains(kind)
                || texts.iter().any(|text| {
                    text.contains(&format!("Error for {kind} "))
                        || text.contains(&format!("Error for {kind}<"))
                        || text.contains(&format!("sentence!({kind})"))
                        || text.contains(&format!("sentences_about!({kind}:"))
                })
        };
        for text in &texts {
            for (kind, variants) in types(text) {
                if !is_error(kind) {
                    continue;
                }
                match variants {
                    None => drop(found.insert(format!("{name}::{kind}"))),
                    Some(variants) => {
                        found.extend(variants.iter().map(|variant| format!("{name}::{kind}::{variant}")));
                    }
                }
            }
        }
    }
    found
}

/// Every public type of a file: its name, and its variants if it is an enum.
fn types(text: &str) -> Vec<(&str, Option<Vec<&str>>)> {
    let mut types = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            types.push((word(rest), None));
        } else if let Some(rest) = line.strip_prefix("pub enum ") {
            let body = lines.by_ref().take_while(|line| *line != "}");
            let variants = body
                .filter_map(|line| line.strip_prefix("    "))
                .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
                .map(word)
                .collect();
            types.push((word(rest), Some(variants)));
        }
    }
    types
}

/// Every public type of a file that `thiserror` makes an error.
fn derive_it(text: &str) -> Vec<&str> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while lines.any(|line| line.starts_with("#[derive(") && line.contains("thiserror::Error")) {
        let kind = lines.by_ref().find(|line| !line.starts_with(['#', ' ', ')']));
        let public = |line: &'_ str| line.starts_with("pub struct ") || line.starts_with("pub enum ");
        found.extend(kind.filter(|line| public(line)).and_then(|line| line.splitn(3, ' ').nth(2)).map(word));
    }
    found
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The texts of all Rust files in a folder.
pub(crate) fn sources(folder: &Path) -> Vec<String> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut texts = Vec::new();
    for path in entries {
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

#[test]
fn variants_and_structs_are_found() {
    let text = "pub enum UrlError {\n    /// Doc.\n    #[error(\"x\")]\n    A,\n    B(u8),\n    C {\n        \
                /// Doc.\n        Not: u8,\n    },\n}\npub struct Refused {\n    pub host: String,\n}\n";
    assert_eq!(types(text), [("UrlError", Some(vec!["A", "B", "C"])), ("Refused", None)]);
}
