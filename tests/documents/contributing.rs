//! Every file, test and item of the code that CONTRIBUTING.md names exists.

use std::{fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The words of a document that are marked as code, outside of blocks.
fn code(document: &str) -> Vec<&str> {
    let prose = document.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// The text of all sources and tests of the repository.
fn sources() -> String {
    let mut folders =
        ["oidc-proto", "oidc-adapters", "tests"].map(|name| Path::new(ROOT).join(name)).to_vec();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !["target", "node_modules", "corpus", "data"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "contributing.rs" {
                text += &fs::read_to_string(path).expect("text");
            }
        }
    }
    text
}

/// The paths, tests and items in the document that do not exist.
fn missing<'d>(document: &'d str, sources: &str) -> Vec<&'d str> {
    let there = |word: &&str| {
        let file = Path::new(ROOT).join(word);
        let name = word.trim_end_matches("()");
        let identifier = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if word.contains('/') || word.contains('.') {
            file.exists() || *word == "mod.rs"
        } else if identifier && name.contains('_') && name.len() > 24 {
            sources.contains(&format!("fn {name}("))
        } else if identifier {
            sources.contains(name)
        } else {
            // A command or a crate, which no source contains.
            true
        }
    };
    code(document).into_iter().filter(|word| !there(word)).collect()
}

#[test]
fn every_file_test_and_item_in_the_steps_exists() {
    let document = fs::read_to_string(format!("{ROOT}/CONTRIBUTING.md")).expect("a document");
    assert!(code(&document).len() > 60, "the document is read");
    assert_eq!(missing(&document, &sources()), [""; 0]);
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let document = "`tests/specs.rs` and `Flow`\n```sh\n`not/read`\n```\n`tests/no_such_file.rs` `NoSuchItem` \
                    `a_test_that_was_renamed_yesterday`";
    let sources = "pub trait Flow {}\nfn a_test_that_was_renamed_yesterday_and_again() {}";
    let wrong = ["tests/no_such_file.rs", "NoSuchItem", "a_test_that_was_renamed_yesterday"];
    assert_eq!(missing(document, sources), wrong);
}
