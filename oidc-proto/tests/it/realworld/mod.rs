//! Documents of real providers: each one parses, or fails for the reason in its row.
//!
//! They are in `data/realworld`, with their sources and licences in `sources.json` and the README there.

use oidc_proto::{
    UrlPolicy,
    base::UrlError,
    jose::{KeyError, KeySet},
    metadata::{MemberError, MetadataError, Profile, ProviderMetadata, well_known},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

mod documents;
mod key_sets;

use documents::{Asked, DOCUMENTS, Document, Outcome};
use key_sets::{KEY_SETS, KeySetRow};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/realworld");

fn read(file: &str) -> Vec<u8> {
    fs::read(Path::new(FOLDER).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let there: BTreeSet<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".discovery.json") || name.ends_with(".jwks.json"))
        .collect();
    let rows = DOCUMENTS.iter().map(|row| row.file).chain(KEY_SETS.iter().map(|row| row.file));
    let named: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(there, named, "left: files of the folder, right: rows of the tables");
}

/// Copies keep the notice that their licence asks for. Everything else is the project's own.
#[test]
fn every_file_has_its_source_and_its_licence() {
    let sources: Vec<Value> = serde_json::from_slice(&read("sources.json")).unwrap();
    let notice = String::from_utf8(read("README.md")).unwrap();
    let mut named = BTreeSet::new();
    for source in &sources {
        let text = |member: &str| source[member].as_str().unwrap_or_default();
        let file = text("file");
        assert!(named.insert(file.to_owned()), "{file} is listed twice");
        match text("kind") {
            "copied" => {
                assert!(["MIT", "Apache-2.0"].contains(&text("licence")), "{file}: {}", text("licence"));
                assert_eq!(text("commit").len(), 40, "{file}: the commit of its source");
                for member in ["from", "copyright"] {
                    assert!(!text(member).is_empty() && notice.contains(text(member)), "{file}: {member}");
                }
            }
            "recorded" | "re-made" => assert!(!text("from").is_empty(), "{file}"),
            other => panic!("{file}: {other:?}"),
        }
    }
    let rows = DOCUMENTS.iter().map(|row| row.file).chain(KEY_SETS.iter().map(|row| row.file));
    assert_eq!(named, rows.map(str::to_owned).collect(), "left: sources, right: rows of the tables");
}

#[test]
fn discovery_documents_parse_or_fail_as_in_the_table() {
    let wrong: Vec<String> = DOCUMENTS.iter().filter_map(|row| judge(&read(row.file), row)).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// The difference between one document and its row, if there is one.
fn judge(document: &[u8], row: &Document) -> Option<String> {
    let json: Value = serde_json::from_slice(document).expect("the folder holds JSON");
    let own = json["issuer"].as_str().expect("every document has an issuer");
    let issuer = match row.asked {
        Asked::Own => own,
        Asked::Other(issuer) => issuer,
    };
    let policy = if row.loopback { UrlPolicy::default().with_loopback() } else { UrlPolicy::default() };
    let reachable = well_known(issuer, &policy).map(|_| ());
    let expected = match issuer.split_once("://") {
        Some(("http", _)) if !row.loopback => Err(UrlError::Loopback),
        Some(_) => Ok(()),
        // Google's issuer of 2014. Nothing can be fetched from it.
        None => Err(UrlError::NotAbsolute),
    };
    let parsed = ProviderMetadata::parse(document, issuer, row.profile, &policy);
    let right = reachable == expected && fits(&parsed, &row.outcome);
    (!right).then(|| {
        let parsed = parsed.map(|metadata| metadata.set_aside);
        format!("\n{} as {:?}: {parsed:?}, {reachable:?}", row.file, row.profile)
    })
}

fn fits(parsed: &Result<ProviderMetadata, MetadataError>, expected: &Outcome<'_>) -> bool {
    match parsed {
        Ok(metadata) => {
            let aside: Vec<_> = metadata.set_aside.iter().map(|aside| (aside.member, aside.why)).collect();
            Outcome::Parses(&aside) == *expected
        }
        Err(MetadataError::Issuer { .. }) => Outcome::OtherIssuer == *expected,
        Err(MetadataError::Missing(members)) => Outcome::Lacks(members) == *expected,
        Err(MetadataError::Unusable(aside)) => Outcome::Unusable(aside.member, aside.why) == *expected,
        Err(_) => false,
    }
}

#[test]
fn key_sets_have_as_many_usable_keys_as_in_the_table() {
    let wrong: Vec<String> = KEY_SETS
        .iter()
        .filter_map(|row| {
            let keys = KeySet::parse(&read(row.file)).unwrap_or_else(|error| panic!("{}: {error}", row.file));
            let aside: Vec<_> =
                keys.set_aside().iter().map(|aside| (aside.kid.as_deref(), aside.reason)).collect();
            let found = KeySetRow { file: row.file, usable: keys.keys().count(), aside: &aside };
            (found != *row).then(|| format!("\n{found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_document_of_another_issuer_is_refused_whatever_else_is_in_it() {
    for row in DOCUMENTS {
        let document = read(row.file);
        let found = ProviderMetadata::parse(
            &document,
            "https://impostor.example",
            row.profile,
            &UrlPolicy::default().with_loopback(),
        );
        assert!(matches!(found, Err(MetadataError::Issuer { .. })), "{}: {found:?}", row.file);
    }
}
