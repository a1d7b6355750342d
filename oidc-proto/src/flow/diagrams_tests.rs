//! Tests that the diagrams in the comments of the flows show what the code does.
//!
//! A test begins a flow, and gives it every known answer in each state (`walked_tests.rs`). It writes down the state
//! before, the answer, and the state after. Then it reads the diagram (`drawn_tests.rs`): each step of the walk must be
//! drawn, and each arrow must have been walked. An answer without an arrow must end the flow with an error. If no
//! response arrived, the flow may end without an error.

mod drawn_tests;
mod provider_tests;
mod walked_tests;

pub(crate) use provider_tests::{
    ISSUER, NOW, Party, Turn, builder, builder_as, document, json, moment, refusals, with_nonce,
};
pub(crate) use walked_tests::{Named, Walk, named};

use drawn_tests::{draws_states, edges};
use std::{fs, path::Path};

/// Returns every Rust file below a folder: its path from the folder, and its text.
fn files(root: &Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Whether a file has a flow of its own. `Flow for T` does not count: it is the flow of every
/// [`Then`](crate::flow::Then).
fn has_a_flow(text: &str) -> bool {
    let of = |line: &str| {
        let name = [" Flow for ", " Then for "].into_iter().find_map(|of| Some(line.split_once(of)?.1))?;
        (line.starts_with("impl") && line.ends_with('{') && name != "T {").then_some(())
    };
    text.lines().any(|line| of(line).is_some())
}

#[test]
fn every_file_with_a_flow_has_a_diagram_and_every_diagram_is_walked() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let (tests, code): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| name.ends_with("_tests.rs"));
    let mut diagrams = 0;
    for (name, text) in code {
        if has_a_flow(text) {
            assert!(draws_states(text), "{name} has a flow, and draws no diagram of its states");
        }
        if draws_states(text) {
            for heading in edges(text).keys() {
                let under = if heading.is_empty() { String::new() } else { format!(".under(\"{heading}\")") };
                let walk = format!("Walk::of(\"{name}\"){under}");
                let walked = tests.iter().any(|(_, test)| test.contains(&walk));
                assert!(walked, "{name} draws a diagram that no test walks: {walk}");
                diagrams += 1;
            }
        }
    }
    assert!(diagrams > 18, "the diagrams are found: {diagrams}");
}
