//! Two readers of claims, one meaning: what the quick one accepts, the full one reads in the same way.

use super::*;
use crate::token::{VerificationError, claims::full};
use proptest::{collection::vec, prelude::*, sample::Index, strategy::ValueTree};

const READINGS: [Reading; 2] = [Reading::Strict, Reading::OfUser];

/// Every field. One that is added does not compile until it is here.
fn fields(claims: &Claims<'_>) -> String {
    let Claims {
        iss,
        sub,
        aud,
        exp,
        nbf,
        iat,
        jti,
        azp,
        nonce,
        auth_time,
        acr,
        amr,
        at_hash,
        c_hash,
        s_hash,
        sid,
        client_id,
        scope,
        scope_is_list,
        scp,
        events,
        cnf,
        act,
        odd,
    } = claims;
    let odd = (odd.auth_time, odd.acr, odd.amr, odd.sid);
    let texts = [iss, sub, jti, azp, nonce, acr, at_hash, c_hash, s_hash, sid, client_id, scope];
    let lists = [aud, amr, scp].map(|list| list.map(|list| (list.len(), list.to_vec(), list)));
    format!(
        "{texts:?} {lists:?} {:?} {scope_is_list} {events} {cnf:?} {act:?} {odd:?}",
        [exp, nbf, iat, auth_time]
    )
}

/// Whether the quick reader accepts a document in this reading. If it does, the full one must agree.
fn is_plain(document: &[u8], reading: Reading) -> bool {
    let mut names = Names::default();
    let Ok(document) = std::str::from_utf8(document) else { return false };
    let Some(claims) = read(document, &mut names, reading) else { return false };
    let quick = fields(&claims);
    let mut others = Names::default();
    match full::read(document, &mut others, reading) {
        Ok(claims) => assert_eq!(quick, fields(&claims), "{reading:?}: {document}"),
        Err(error) => panic!("{reading:?}: accepted, but {error}: {document}"),
    }
    // The names of a document before this one are forgotten.
    let again = read(document, &mut others, reading).map(|claims| fields(&claims) == quick);
    assert_eq!(again, Some(true), "{reading:?}: {document}");
    true
}

/// Checks that both readers agree on a document in each reading.
fn both_agree(document: &[u8]) {
    for reading in READINGS {
        is_plain(document, reading);
    }
}

fn claims_of(document: &str) -> Result<Claims<'_>, VerificationError> {
    Claims::read(document.as_bytes(), &mut Names::default())
}

#[test]
fn usual_documents_are_plain() {
    for document in [
        r#"{}"#,
        " {\t\"iss\" :\n\"https://op.example\" , \"exp\":\r1800000000 } ",
        r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":1,"nbf":0,"iat":999999999999999,"jti":"j","scope":"a b"}"#,
        r#"{"azp":"a","nonce":"n","auth_time":1,"acr":"c","amr":["pwd"],"at_hash":"h","sid":null,"c_hash":"c"}"#,
        r#"{"aud":"a","scope":["a","b"],"scp":[],"client_id":"c","s_hash":"s","email_verified":true}"#,
        r#"{"cnf":{"jkt":"k"},"sub":"s"}"#,
        r#"{"cnf": { "x5t#S256" : "t" } }"#,
        r#"{"cnf":{"x5t#S256":"t","jkt":"k"}}"#,
        r#"{"act":{"sub":"agent"}}"#,
        r#"{"act":null}"#,
        r#"{"act":{},"sub":null}"#,
        r#"{"act":{"iss":"i","sub":"a","client_id":null,"x":[1],"act":{"sub":"b","act":{"email":"c"}}}}"#,
        r#"{"name":"J\u00e9r\u00f4me é 💶","é":{"a":[1,-2,{"a":null}],"b":{"a":false}},"long":"0123456789abcdef"}"#
            .replace("\\u00e9", "é").replace("\\u00f4", "ô").as_str(),
    ] {
        for reading in READINGS {
            assert!(is_plain(document.as_bytes(), reading), "{document}");
        }
    }
    let deep = |depth| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(is_plain(deep(MAX_DEPTH - 1).as_bytes(), Reading::Strict));
    assert!(!is_plain(deep(MAX_DEPTH).as_bytes(), Reading::Strict));
    let many: Vec<String> = (0..100).map(|n| format!(r#""m{n}":{n}"#)).collect();
    assert!(is_plain(format!("{{{}}}", many.join(",")).as_bytes(), Reading::Strict));
    assert!(!is_plain(format!("{{{},\"m7\":0}}", many.join(",")).as_bytes(), Reading::Strict));
}

#[test]
fn whatever_is_unusual_or_wrong_is_left_to_the_full_reader() {
    for document in [
        r#"{"sub":"\u0061"}"#,
        r#"{"\u0073ub":"a"}"#,
        r#"{"x":"\/"}"#,
        r#"{"cnf":{"jkt":"k","kid":"1"}}"#,
        r#"{"cnf":{"jkt":"k","kc-jkt-type":"DPoP"}}"#,
        r#"{"cnf":{"jkt":"\u006b"}}"#,
        r#"{"cnf":{"jkt":null}}"#,
        r#"{"cnf":{}}"#,
        r#"{"cnf":null}"#,
        r#"{"act":{"sub":"\u0061"}}"#,
        r#"{"act":{"\u0073ub":"a"}}"#,
        r#"{"act":{"exp":1.5}}"#,
        r#"{"events":{}}"#,
        r#"{"exp":1.5}"#,
        r#"{"exp":1e9}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":1000000000000000}"#,
        r#"{"x":1.5}"#,
        r#"{"x":1000000000000000}"#,
    ] {
        assert!(!is_plain(document.as_bytes(), Reading::Strict), "{document}");
        assert!(claims_of(document).is_ok(), "{document}");
    }
    for document in [
        "",
        " ",
        "{",
        "[]",
        "{}x",
        "{},",
        "\u{feff}{}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a" "b"}"#,
        r#"{a:1}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":-01}"#,
        r#"{"a":+1}"#,
        r#"{"a":.5}"#,
        r#"{"a":1.}"#,
        r#"{"a":nul}"#,
        r#"{"a":nullx}"#,
        r#"{"a":True}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        r#"{"a":{]}"#,
        r#"{"a":"b}"#,
        r#"{"exp":"1"}"#,
        r#"{"exp":01}"#,
        r#"{"exp":}"#,
        r#"{"aud":["a",null]}"#,
        r#"{"aud":["a" "b"]}"#,
        r#"{"aud":[["a"]]}"#,
        r#"{"aud":5}"#,
        r#"{"scope":[1]}"#,
        r#"{"sub":true}"#,
        r#"{"cnf":{"jkt":5}}"#,
        r#"{"cnf":{"jkt":"a","jkt":"a"}}"#,
        r#"{"cnf":["jkt"]}"#,
        r#"{"act":"agent"}"#,
        r#"{"act":5}"#,
        r#"{"act":[{"sub":"agent"}]}"#,
        r#"{"act":{"sub":5}}"#,
        r#"{"act":{"sub":["agent"]}}"#,
        r#"{"act":{"iss":{}}}"#,
        r#"{"act":{"client_id":true}}"#,
        r#"{"act":{"sub":"a","act":"b"}}"#,
        r#"{"act":{"sub":"a","act":{"act":[]}}}"#,
        r#"{"act":{"\u0073ub":5}}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
        r#"{"act":{"sub":"a","x":{"y":1,"y":1}}}"#,
        r#"{"act":{"sub":"a"},"act":{"sub":"a"}}"#,
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"sub":null,"sub":"a"}"#,
        r#"{"x":1,"x":1}"#,
        r#"{"x":{"a":1,"a":1}}"#,
        r#"{"x":[{"sub":1,"b":[],"sub":1}]}"#,
        "{\"x\":\"a\tb\"}",
        "{\"a\u{1f}\":1}",
        "{\"x\":\"0123456\u{0}89\"}",
    ] {
        assert!(!is_plain(document.as_bytes(), Reading::Strict), "{document}");
        assert!(claims_of(document).is_err(), "{document}");
    }
    assert!(!is_plain(b"{\"sub\":\"\xff\"}", Reading::Strict));
    assert!(!is_plain(b"{\"sub\":\"\xed\xa0\x80\"}", Reading::Strict), "a surrogate");
}

#[test]
fn a_claim_of_another_type_is_set_aside_in_a_statement_about_a_user_only() {
    for document in [r#"{"auth_time":"now"}"#, r#"{"acr":5}"#, r#"{"amr":{}}"#, r#"{"sid":[]}"#] {
        READINGS.iter().for_each(|reading| assert!(!is_plain(document.as_bytes(), *reading), "{document}"));
    }
    for document in [r#"{"jti":5}"#, r#"{"client_id":[]}"#, r#"{"scope":{"a":1}}"#, r#"{"cnf":5,"scp":5}"#] {
        assert_eq!(
            READINGS.map(|reading| is_plain(document.as_bytes(), reading)),
            [false, true],
            "{document}"
        );
    }
}

#[test]
fn a_string_ends_at_its_mark_wherever_it_is() {
    for length in 0..40 {
        for (at, byte) in (0..length).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
            let mut text = vec![b'a'; length];
            text[at] = byte;
            let slow = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let slow = slow.filter(|place| text[*place] == b'"');
            assert_eq!(end_of_string(&text), slow, "{byte} at {at} of {length}");
        }
    }
    assert_eq!(end_of_string(b"aaaaaaa\"\"aaaaaa\\"), Some(7));
    assert_eq!(end_of_string(b"aaaaaa\x01\"aaaaaaaa"), None, "a wrong bit above a right one");
    assert_eq!(end_of_string(b"aaaaa\x1f\x20\"aaaaaaaa"), None);
    assert_eq!(end_of_string("\u{80}é\u{7f}\u{ff}\"".as_bytes()), Some(7));
}

/// A value, as text: of a usual type, unusual, or not JSON.
fn value() -> BoxedStrategy<String> {
    let strange = [
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"a\u{1}\"",
        "\"\u{7f}\u{80}é💶\"",
        "1e3",
        "1E400",
        "-0",
        "-1.5",
        "0.10000000000000001",
        "01",
        "-",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890",
        "nul",
        "",
        "[",
        "]",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
    ];
    let leaf = prop_oneof![
        6 => "\"[ -!#-\\[\\]-~]{0,20}\"",
        4 => (0_u64..1 << 60).prop_map(|number| number.to_string()),
        2 => (0_u64..2_000_000_000).prop_map(|number| number.to_string()),
        1 => "-?[0-9]{1,16}",
        2 => proptest::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        1 => proptest::sample::select(strange.to_vec()).prop_map(str::to_owned),
        1 => (25..40_usize).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..5), space())
                .prop_map(|(items, space)| format!("[{}]", items.join(&format!("{space},")))),
            (vec((name(), inner), 0..5), space()).prop_map(|(members, space)| object(&members, &space)),
            vec("\"[a-z]{0,9}\"", 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            (vec((named(), "\"[a-z]{0,9}\""), 0..3), space())
                .prop_map(|(members, space)| object(&members, &space)),
        ]
    })
    .boxed()
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![5 => Just(String::new()), 1 => "[ \t\r\n]{1,3}", 1 => Just("\u{b}".to_owned())]
        .prop_filter("mostly none", |_| true)
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "azp",
        "nonce",
        "auth_time",
        "acr",
        "amr",
        "at_hash",
        "c_hash",
        "s_hash",
        "sid",
        "client_id",
        "scope",
        "scp",
        "events",
        "cnf",
        "act",
        "jkt",
        "x5t#S256",
    ];
    prop_oneof![
        12 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        4 => "[a-z]{0,2}",
        4 => "[a-zA-Z_:/é]{3,20}",
        1 => Just("s\\u0075b".to_owned()),
    ]
}

/// A name of a member of `act` or of `cnf`.
fn named() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["sub", "iss", "client_id", "act", "jkt", "x5t#S256", "kid"])
        .prop_map(str::to_owned)
}

fn object(members: &[(String, String)], space: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}"))
        .collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

/// One change of a document: a byte replaced, put in, or taken out, or a piece put in.
type Change = (u8, Index, u8);

fn change(document: &mut Vec<u8>, (kind, at, byte): &Change) {
    const PIECES: [&[u8]; 8] =
        [b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\"", b"\\", b"{", b"]", b",\"sub\":null", b"\0"];
    let at = at.index(document.len() + 1);
    match kind % 4 {
        0 if at < document.len() => document[at] = *byte,
        1 => document.insert(at, *byte),
        2 if at < document.len() => drop(document.remove(at)),
        _ => drop(document.splice(at..at, PIECES[usize::from(*byte) % PIECES.len()].iter().copied())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn what_the_quick_reader_accepts_means_the_same_to_the_full_one(
        members in vec((name(), value()), 0..12),
        space in space(),
        changes in vec(any::<Change>(), 0..4),
    ) {
        let mut document = object(&members, &space).into_bytes();
        both_agree(&document);
        for one in &changes {
            change(&mut document, one);
            both_agree(&document);
        }
    }

    #[test]
    fn random_bytes_mean_the_same_to_both(bytes in vec(any::<u8>(), 0..60)) {
        both_agree(&bytes);
        let within = [b"{\"sub\":\"", &bytes[..], b"\"}"].concat();
        both_agree(&within);
    }
}

/// The property above would say nothing if few documents were plain.
#[test]
fn most_documents_of_the_property_are_plain() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let documents = (vec((name(), value()), 0..12), space());
    let plain = (0..500).filter(|_| {
        let (members, space) = documents.new_tree(&mut runner).unwrap().current();
        is_plain(object(&members, &space).as_bytes(), Reading::OfUser)
    });
    let plain = plain.count();
    assert!((50..450).contains(&plain), "{plain} of 500");
}
