//! Every text that a user can meet, in one file that a person reads from top to bottom: `tests/data/errors.txt`.
//! Each error, refusal, challenge and failure of settings of the core, the driver and the adapters stands in it, in
//! its whole composition. A variant that is missing there is a failure, and so is a method that a text names and
//! that does not exist.
//!
//! `ERRORS=write cargo test -p oidc-tests --test errors` writes the file anew. Read what has changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod declared;
mod flows;
mod named;
mod network;
mod page;
mod resource;
mod settings;
mod tokens;

use page::Page;
use std::{fs, path::Path};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/errors.txt");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page() -> Page {
    let mut page = Page::default();
    settings::show(&mut page);
    flows::show(&mut page);
    tokens::show(&mut page);
    resource::show(&mut page);
    network::show(&mut page);
    page
}

#[test]
fn the_file_has_every_text_as_it_is_today() {
    let page = page();
    if std::env::var("ERRORS").is_ok_and(|mode| mode == "write") {
        fs::write(FILE, page.text()).unwrap();
    }
    let file = fs::read_to_string(FILE).unwrap_or_default();
    for (at, (today, known)) in page.text().lines().zip(file.lines()).enumerate() {
        assert_eq!(today, known, "line {} of {FILE}", at + 1);
    }
    assert_eq!(page.text().lines().count(), file.lines().count(), "{FILE}");
}

#[test]
fn no_variant_of_a_public_error_is_missing() {
    let (page, declared) = (page(), declared::all());
    let missing: Vec<_> = declared.difference(page.shown()).collect();
    assert!(missing.is_empty(), "show these in tests/errors, and write the file anew: {missing:#?}");
    let gone: Vec<_> = page.shown().difference(&declared).collect();
    assert!(gone.is_empty(), "not found in the sources: {gone:#?}");
    assert!(declared.len() > 200, "the scan finds what there is: {}", declared.len());
}

#[test]
fn each_text_is_a_sentence_on_one_line() {
    for text in page().sentences() {
        let first = text.chars().next().expect("a text");
        assert!(first.is_ascii_lowercase() || first == '`', "begins like a part of a sentence: {text}");
        assert!(!text.ends_with(['.', ' ', ':']) && !text.contains("  "), "{text}");
        assert!(text.len() < 420 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
        assert!(text.contains(' '), "one word is no sentence: {text}");
    }
}

#[test]
fn each_method_that_a_text_names_is_there() {
    let methods = named::public_methods();
    let page = page();
    let wrong: Vec<String> = page
        .sentences()
        .flat_map(|text| named::in_ticks(text).map(move |name| (name, text)))
        .filter_map(|(name, text)| Some(format!("`{name}` {}: {text}", named::check(name, &methods).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The check can fail.
    assert!(named::check("ClientBuilder::tolerate_everything", &methods).is_err());
    assert!(named::check("GateBuilder::trusted_audiences", &methods).is_err(), "not of another builder");
    assert!(named::check("tolerate_everything", &methods).is_err());
    assert!(named::check("ClientBuilder::leeway", &methods).is_ok());
}
