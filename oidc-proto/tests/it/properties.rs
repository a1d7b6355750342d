//! Properties that hold for any input: every property of `oidc_properties` over the corpus, over
//! mutations of it, and over random bytes.
//!
//! The random input is the same in every run. `PROPTEST_RNG_SEED` changes it, and `PROPTEST_CASES` adds
//! more of it.

use oidc_properties::{Property, TARGETS};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngSeed, TestRunner},
};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus"))
}

/// The corpus of a target, sorted by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<_> = files
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    entries.sort();
    assert!(!entries.is_empty(), "{} holds no files", folder.display());
    entries
}

fn runner(cases: u32) -> TestRunner {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if let RngSeed::Random = config.rng_seed {
        config.rng_seed = RngSeed::Fixed(1);
    }
    TestRunner::new(config)
}

/// One change: its kind, its places, and a byte.
type Change = (u8, Index, Index, u8);

fn mutate(mut bytes: Vec<u8>, changes: &[Change], other: &[u8]) -> Vec<u8> {
    const PIECES: [&[u8]; 12] = [
        b"\"",
        b"\\u0000",
        b"{",
        b"}",
        b"[[[[",
        b"null",
        b"-1e999",
        b"\xff\xfe",
        b"%00",
        b"&",
        b".",
        b"\r\n",
    ];
    for (kind, at, end, byte) in changes {
        let (at, end) = (at.index(bytes.len() + 1), end.index(bytes.len() + 1));
        let (at, end) = (at.min(end), at.max(end));
        match kind % 7 {
            0 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
            1 if at < bytes.len() => bytes[at] = *byte,
            2 => bytes.insert(at, *byte),
            3 => drop(bytes.drain(at..end.min(at + usize::from(*byte)))),
            4 => drop(bytes.splice(at..at, PIECES[usize::from(*byte) % PIECES.len()].iter().copied())),
            5 => {
                let copy = bytes[at..end.min(at + 64)].to_vec();
                bytes.splice(end..end, copy);
            }
            6 => {
                let from = at.min(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
    }
    bytes
}

fn check(target: &str) {
    let property: Property = TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1;
    let corpus = corpus(target);
    for (name, entry) in &corpus {
        let holds = std::panic::catch_unwind(|| property(entry));
        assert!(holds.is_ok(), "tests/corpus/{target}/{name}: the reason is printed above");
    }
    let random = vec(any::<u8>(), 0..400);
    runner(512)
        .run(&random, |bytes| {
            property(&bytes);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{target}: {error}"));

    let changes = vec(any::<Change>(), 1..6);
    let mutated = (any::<Index>(), any::<Index>(), changes).prop_map(|(one, other, changes)| {
        mutate(one.get(&corpus).1.clone(), &changes, &other.get(&corpus).1)
    });
    runner(2048)
        .run(&mutated, |bytes| {
            property(&bytes);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn callbacks_are_accepted_only_if_they_answer_the_request() {
    check("callback");
}

#[test]
fn metadata_belongs_to_the_requested_issuer_and_has_only_allowed_urls() {
    check("metadata");
}

#[test]
fn keys_are_usable_or_set_aside_and_serve_only_their_own_algorithms() {
    check("jwks");
}

#[test]
fn tokens_are_accepted_only_if_the_issuer_signed_them_for_this_use() {
    check("token");
}

#[test]
fn claims_mean_the_same_however_they_are_read() {
    check("claims");
}

#[test]
fn flows_end_send_no_credential_twice_and_trust_only_the_provider() {
    check("flows");
}

#[test]
fn saved_states_are_checked_before_use() {
    check("saved");
}

#[test]
fn requests_are_accepted_only_with_a_valid_bound_token_and_refusals_leak_nothing() {
    check("request");
}

#[test]
fn introspection_responses_are_typed_and_lose_no_limit() {
    check("introspection");
}

#[test]
fn one_caller_renews_at_a_time_and_no_value_outlives_its_deadline() {
    check("renewal");
}

#[test]
fn a_token_goes_to_the_named_server_and_a_request_is_sent_again_once_for_each_reason() {
    check("resource_request");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, targets);
    let size: usize = targets.iter().flat_map(|target| corpus(target)).map(|(_, entry)| entry.len()).sum();
    assert!(size < 200 * 1024, "{size} bytes");
}
