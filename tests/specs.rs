//! Checks `docs/specs.md`: every file and every test that it names exists.

use std::{fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folders of tests that are named without one.
const TESTS: [&str; 5] =
    ["oidc-proto/tests/it", "oidc-adapters/drive/tests/it", "tests", "tests/adapters", "tests/documents"];

/// The text of a file, together with the files in the folder of its name. The root may be in the folder
/// too, as `mod.rs` or `main.rs`.
fn sources(name: &str) -> Option<String> {
    let folders = if name.contains('/') { &[".", "tests"] } else { &TESTS[..] };
    let folders = folders.iter().chain(&["oidc-proto/src"]);
    let paths = folders.map(|folder| Path::new(ROOT).join(folder).join(name));
    let (path, folder) =
        paths.map(|path| (path.clone(), path.with_extension(""))).find(|(path, folder)| {
            path.is_file() || ["mod.rs", "main.rs"].iter().any(|root| folder.join(root).is_file())
        })?;
    let mut text = fs::read_to_string(path).unwrap_or_default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(entry.path()).ok()?;
        }
    }
    Some(text)
}

/// The faults of a document of this kind.
fn untrue(document: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let mut text: Option<String> = None;
        // In the cells before the last one, a short word with an underscore is a member or a method.
        let last = line.trim_end_matches(" |").rfind(" | ").unwrap_or_default();
        let mut at = 0;
        for (index, word) in line.split('`').enumerate() {
            let in_last_cell = at > last;
            at += word.len() + 1;
            if index % 2 == 0 {
                continue;
            }
            let is_file = word.ends_with(".rs") || word.contains('/');
            if is_file {
                text = sources(word);
                if text.is_none() && !Path::new(ROOT).join(word).exists() {
                    wrong.push(format!("there is no file {word}"));
                }
            } else if word.contains('_') && (word.len() > 24 || in_last_cell && text.is_some()) {
                let named = format!("fn {word}(");
                if !text.as_ref().is_some_and(|text| text.contains(&named)) {
                    wrong.push(format!("there is no test {word} in the file named before it"));
                }
            }
        }
    }
    wrong
}

#[test]
fn every_named_file_and_test_exists() {
    let document = fs::read_to_string(format!("{ROOT}/docs/specs.md")).expect("docs/specs.md");
    let wrong = untrue(&document);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(document.matches("`, `").count() > 50, "the document was read");
    let saved = fs::read_to_string(format!("{ROOT}/docs/saved-state.md")).expect("docs/saved-state.md");
    let wrong = untrue(&saved);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_name_is_found() {
    assert_eq!(untrue("| X | `no_such_file.rs` |"), ["there is no file no_such_file.rs"]);
    let moved = "| X | `specs.rs`: `every_file_and_every_test_that_is_named_is_gone` |";
    assert_eq!(untrue(moved).len(), 1);
    assert_eq!(untrue("| X | `specs.rs`: `a_name_that_is_wrong_is_seen_` |").len(), 1);
    assert_eq!(untrue("| X | `specs.rs`: `a_short_name` |").len(), 1);
    assert!(
        untrue("| X | `specs.rs` has no `short_name` | `specs.rs`: `a_wrong_name_is_found` |").is_empty()
    );
    assert!(untrue("| X | `specs.rs`: `every_named_file_and_test_exists` |").is_empty());
    // Roots inside folders, and the files beside them.
    assert_eq!(
        untrue("| X | `laws.rs`: `law_5_every_flow_ends_in_time`; `handle.rs`; `egress.rs` |"),
        [""; 0]
    );
    assert_eq!(untrue("| X | `laws.rs`: `law_5_every_flow_ends_in_time_` |").len(), 1);
}
