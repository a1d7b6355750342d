//! Every text that a user can meet, in one file that a person reads from top to bottom: `tests/data/errors.txt`.
//! Each error, refusal, challenge and failure of settings of the core, the driver and the adapters stands in it, in
//! its whole composition. A variant that is missing there is a failure, and so is a method that a text names and
//! that does not exist.
//!
//! `ERRORS=write cargo test -p oidc-tests --test errors` writes the file anew. Read what has changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod by_url;
mod declared;
mod discovery;
mod document;
mod end_session;
mod flows;
mod followed;
mod identity;
mod named;
mod network;
mod page;
mod received_logout;
mod registration;
mod resource;
mod settings;
mod tokens;

use oidc_proto::Remedy;
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
    registration::show(&mut page);
    identity::show(&mut page);
    end_session::show(&mut page);
    discovery::show(&mut page);
    tokens::show(&mut page);
    resource::show(&mut page);
    received_logout::show(&mut page);
    network::show(&mut page);
    by_url::show(&mut page);
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

/// `ERRORS=write` writes codes, texts and remedies anew, and leaves the advice as it is. It is empty for a new error:
/// write it.
#[test]
fn the_document_has_every_code_and_text_and_no_other_and_advice_for_each() {
    let path = root().join("docs/errors.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let written = document::written(&document::rows(&page()), &old);
    if std::env::var("ERRORS").is_ok_and(|mode| mode == "write") {
        fs::write(&path, &written).unwrap();
    }
    for (today, known) in written.lines().zip(old.lines()) {
        assert_eq!(today, known, "write {} anew with ERRORS=write", path.display());
    }
    assert_eq!(written.lines().count(), old.lines().count());
    let missing = document::read(&old).into_iter().filter(|(_, advice)| advice.is_empty());
    assert_eq!(missing.map(|(row, _)| row).collect::<Vec<_>>(), [], "say what to do about these");
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
fn whatever_a_setting_of_ours_can_change_is_no_fault_of_the_provider_alone() {
    let page = page();
    let settings = |text: &str| named::in_ticks(text).any(|name| name.contains("::"));
    let said = || page.said().iter().map(|line| &line.said);
    let blamed = said().filter(|said| said.remedy == Some(Remedy::ProviderAtFault) && settings(&said.text));
    assert_eq!(blamed.map(|said| said.text.as_str()).collect::<Vec<_>>(), [""; 0]);
    for said in said() {
        assert!(said.remedy.is_some() || said.code == "-", "what ends something has a remedy: {}", said.text);
        if said.text.contains("begin again") || said.text.contains("log in again") {
            assert!(matches!(said.remedy, Some(Remedy::LogInAgain)), "{}", said.text);
        }
        if said.text.contains("try again") {
            assert!(matches!(said.remedy, Some(Remedy::TryLater { .. })), "{}", said.text);
        }
    }
    let known = [
        Remedy::LogInAgain,
        Remedy::TryLater { after: None },
        Remedy::FixConfiguration,
        Remedy::ProviderAtFault,
        Remedy::RequestAtFault,
    ];
    for remedy in known {
        assert!(said().any(|said| said.remedy.map(Remedy::code) == Some(remedy.code())), "{remedy:?}");
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
