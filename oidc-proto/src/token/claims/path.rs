//! Finds a claim by its path in the text of a token, which a verifier has read before. It allocates nothing, and reads no
//! further than the claim.

use crate::base::json::{Parts, is_text, member};

/// Returns the JSON of the value at a path: a JSON Pointer (RFC 6901) such as `/realm_access/roles`.
pub(crate) fn claim_at<'t>(json: &'t str, path: &str) -> Option<&'t str> {
    path.strip_prefix('/')?.split('/').try_fold(json, |json, step| match json.trim_ascii_start().as_bytes() {
        [b'{', ..] if step.contains('~') => member(json, &step.replace("~1", "/").replace("~0", "~")),
        [b'{', ..] => member(json, step),
        [b'[', ..] => Parts::of(json, '[')?.nth(index(step)?),
        _ => None,
    })
}

/// Whether the JSON of a value is this string, or an array that contains it.
pub(crate) fn is_or_has(json: &str, wanted: &str) -> bool {
    match Parts::of(json, '[') {
        Some(mut items) => items.any(|item| is_text(item, wanted)),
        None => is_text(json, wanted),
    }
}

/// Reads the position of an item (RFC 6901 section 4).
fn index(step: &str) -> Option<usize> {
    let canonical = !step.starts_with('+') && (step == "0" || !step.starts_with('0'));
    if canonical { step.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TEXT: &str = r#" {"a/b":{"c~d":["x","y",{"":7}]},"realm":{"roles":["admin","us\u0065r",5,["deep"]]},
        "one":"boss","esc\u0061ped":1.50,"":{"":null},"0":{"0":"zero"},"n":-1e3,"yes":true,"list":[]}"#;

    /// Two ways to one value: in the text, and in the parsed map.
    #[test]
    fn a_path_leads_to_the_value_that_a_json_pointer_means() {
        let map: Value = serde_json::from_str(TEXT).unwrap();
        let names = [
            "a~1b",
            "c~0d",
            "realm",
            "roles",
            "one",
            "escaped",
            "",
            "0",
            "00",
            "+1",
            "1",
            "2",
            "3",
            "4",
            "n",
            "yes",
            "list",
            "-",
            "~",
            "99999999999999999999",
        ];
        let mut paths: Vec<String> = vec![String::new(), "one".to_owned(), "a~1b".to_owned()];
        for first in names {
            paths.push(format!("/{first}"));
            for second in names {
                paths.push(format!("/{first}/{second}"));
                paths.extend(names.iter().map(|third| format!("/{first}/{second}/{third}")));
            }
        }
        let mut met = 0;
        for path in paths {
            let meant = if path.is_empty() { None } else { map.pointer(&path) };
            let found: Option<Value> = claim_at(TEXT, &path).map(|json| serde_json::from_str(json).unwrap());
            assert_eq!(found.as_ref(), meant, "{path}");
            met += usize::from(meant.is_some());
        }
        assert!(met > 15, "{met}");
    }

    #[test]
    fn a_text_that_is_no_json_leads_nowhere_and_ends_the_search() {
        let bad = [
            "",
            "{",
            "[",
            "\"",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"",
            "{\"a\":[",
            "[1,{\"b\":",
            "}",
            "]",
            ",",
            "\\",
            "{:",
        ];
        for text in bad {
            for path in ["/a", "/b", "/0", "/1/b", "/a/b", "/"] {
                let found = claim_at(text, path);
                assert!(found.is_none_or(|found| text.contains(found)), "{text} {path}");
                assert!(!is_or_has(text, "a"), "{text}");
            }
        }
    }

    #[test]
    fn a_role_is_the_string_or_an_item_and_nothing_deeper() {
        let has = |path: &str, role: &str| claim_at(TEXT, path).is_some_and(|json| is_or_has(json, role));
        for (path, role, expected) in [
            ("/realm/roles", "admin", true),
            ("/realm/roles", "user", true),
            ("/realm/roles", "us\\u0065r", false),
            ("/realm/roles", "5", false),
            ("/realm/roles", "deep", false),
            ("/realm/roles/3", "deep", true),
            ("/realm", "roles", false),
            ("/one", "boss", true),
            ("/one", "bos", false),
            ("/list", "", false),
            ("/n", "-1000", false),
            ("/yes", "true", false),
            ("/", "", false),
        ] {
            assert_eq!(has(path, role), expected, "{path} {role}");
        }
    }
}
