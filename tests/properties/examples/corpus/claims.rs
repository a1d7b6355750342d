//! The corpus of claims.

use super::{Entries, entries};

/// Sets of claims: of the kinds that providers write, unusual ones, and wrong ones.
pub(super) fn claims() -> Entries {
    let access = r#"{"scope":"openid orders:read","azp":"app","amr":["pwd","otp"],"acr":"urn:example:two",
"nbf":1799999999,"auth_time":1799999000,"email_verified":true,"realm_access":{"roles":["admin","user"]},
"x":[1,-2,null,{"a":""}]}"#;
    let id = r#"{"at_hash":"h","c_hash":"c","s_hash":"s","sid":"1","nonce":"n","name":"Jérôme","acr":null}"#;
    let bound = r#"{"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#;
    let mut all: Entries = [
        ("empty", "{}"),
        ("access", access),
        ("id", id),
        ("bound", bound),
        ("lists", r#"{"scope":["a","b c"],"scp":["d"],"amr":"pwd"}"#),
        ("spaces", "\r\n{ \"scp\" :\t\"a b\" , \"x\" : [ ] }\n"),
        ("odd", r#"{"auth_time":"1","acr":1,"amr":1,"sid":1}"#),
        ("escapes", r#"{"sco\u0070e":"a\/b","x":"\ud83d\ude00"}"#),
        ("surrogate", r#"{"x":"\ud83d"}"#),
        ("numbers", r#"{"nbf":1.7e9,"auth_time":-0.5,"x":[0.1,1e300,-0,18446744073709551616]}"#),
        ("too-big", r#"{"x":1e400,"nbf":9007199254740993}"#),
        ("zeros", r#"{"nbf":01}"#),
        ("twice", r#"{"azp":"app","azp":null}"#),
        ("twice-within", r#"{"x":[{"a":{"b":1,"b":1}}]}"#),
        ("events", r#"{"events":{"e":{}}}"#),
        ("mark", "\u{feff}{}"),
        ("more", r#"{"azp":"app"}{}"#),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec();
    all.extend(entries([
        ("deep", format!(r#"{{"x":{}{}}}"#, "[".repeat(31), "]".repeat(31))),
        ("too-deep", format!(r#"{{"x":{}0{}}}"#, "[{\"a\":".repeat(16), "}]".repeat(16))),
    ]));
    all.push(("not-utf8", b"{\"x\":\"\xff\"}".to_vec()));
    all
}
