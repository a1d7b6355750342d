//! Pictures in comments and documents. The tests of the core walk the pictures of states; the checks here
//! find names in the other pictures that no longer exist.

use super::{code, root, sources};
use std::{collections::BTreeSet, fs};

/// A proper name that is written like a type.
const DPOP: &str = "DPoP";

/// The lines of the pictures in a text. In Rust, only the file's own comment counts.
fn pictures(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), None::<Vec<String>>);
    for line in text.lines().filter_map(|line| line.strip_prefix(prefix)) {
        match (line.trim().strip_prefix("```"), open.take()) {
            (Some("text"), None) => open = Some(Vec::new()),
            (Some(_), None) | (None, None) => {}
            (Some(_), Some(lines)) => found.push(lines),
            (None, Some(mut lines)) => {
                lines.push(line.to_owned());
                open = Some(lines);
            }
        }
    }
    found.retain(|lines| lines.iter().any(|line| line.contains('▶')));
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The code names in a picture: types, variants, and functions that have an underscore or are called.
fn names(line: &str) -> BTreeSet<&str> {
    let is_type = |word: &str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
    let joined = |c: char| c.is_alphanumeric() || c == '_';
    let is_called = |word: &str| {
        let whole = |at: usize| !line[..at].ends_with(joined) && line[at + word.len()..].starts_with('(');
        line.match_indices(word).any(|(at, _)| whole(at))
    };
    let named = |word: &&str| is_type(word) || word.contains('_') || is_called(word);
    words(line).filter(|word| *word != DPOP).filter(named).collect()
}

/// Every picture of the project, with its path.
fn all() -> Vec<(String, Vec<String>)> {
    let mut texts: Vec<_> = sources().into_iter().map(|(path, text)| (path, text, "//!")).collect();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "md") {
            let name = format!("docs/{}", path.file_name().unwrap().to_string_lossy());
            texts.push((name, fs::read_to_string(&path).unwrap(), ""));
        }
    }
    texts.push(("README.md".to_owned(), fs::read_to_string(root().join("README.md")).unwrap(), ""));
    let of = |(path, text, prefix): (String, String, &str)| {
        pictures(&text, prefix).into_iter().map(move |lines| (path.clone(), lines)).collect::<Vec<_>>()
    };
    let pictures: Vec<_> = texts.into_iter().flat_map(of).collect();
    assert!(pictures.len() > 30, "the pictures are found: {}", pictures.len());
    pictures
}

/// `──▶` is for states, which `oidc-proto/src/flow/diagrams_tests.rs` walks. Other pictures show who calls
/// whom, with `─▶`.
#[test]
fn states_are_drawn_where_they_are_walked() {
    for (path, lines) in all() {
        let states = lines.iter().any(|line| line.contains("──▶"));
        assert!(!states || path.starts_with("oidc-proto/src/"), "{path} draws states that no test walks");
    }
}

#[test]
fn every_name_in_a_picture_exists() {
    let files = sources();
    let product = files.iter().filter(|(path, _)| path.contains("/src/") && !path.starts_with("tests/"));
    let code: Vec<String> = product.map(|(_, text)| code(text)).collect();
    let known: BTreeSet<&str> = code.iter().flat_map(|code| words(code)).collect();
    let mut missing = Vec::new();
    for (path, lines) in all() {
        // In a diagram of states, the names are walked and the labels are words.
        for line in lines.iter().filter(|line| !line.contains("──")) {
            let unknown = names(line).into_iter().filter(|name| !known.contains(name));
            missing.extend(unknown.map(|name| format!("{path}: there is no `{name}`")));
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_missing_name_is_found() {
    let text = "//! ```text\n//! Client::start_it ─▶ Step<Login> ─▶ judge(it), DPoP, once it can await(x)\n//! ```\n//! ```text\n//! No\n//! ```\n";
    let found = pictures(text, "//!");
    assert_eq!(found.len(), 1, "a picture has an arrow: {found:?}");
    let names = names(&found[0][0]);
    assert_eq!(names, ["Client", "Login", "Step", "await", "judge", "start_it"].into());
}
