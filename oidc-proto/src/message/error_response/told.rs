//! [`first_texts`]: what a provider says in a body that is no error response of the specifications.
//!
//! Providers and the proxies before them write such bodies in many forms. Each form is searched for texts that describe
//! something:
//!
//! | form | texts |
//! |---|---|
//! | JSON: an object, an array, nested or not (RFC 9457, `errors`, `fault`) | the strings in members that describe |
//! | a form: `error=…&error_description=…` | the values of parameters that describe |
//! | HTML | the title and the first heading |
//! | XML | the contents of elements that describe |
//! | plain text | its first words |
//!
//! A body may have tokens, or claims about a user. So a name must say that its text describes something, and a long word
//! is never shown.

use crate::{
    base::{form, json::Extra, secret::Secret},
    message::masked::Mask,
};
use serde_json::Value;

/// The most texts that are shown of a body.
const MAX_TOLD: usize = 3;

/// The longest word, in bytes. A longer one may be a token.
const MAX_WORD: usize = 40;

/// The longest word, in bytes, in a text that may have secrets that nobody knows.
const MAX_LETTERS: usize = 24;

/// The part of a body that is not JSON, in bytes, that is searched for texts.
const MAX_SEARCHED: usize = 4096;

/// Returns the first texts of a body that is no error response of the specifications, cleaned like those of an
/// [`ErrorResponse`](super::ErrorResponse). `None` if it has no such text.
pub(crate) fn first_texts(body: &[u8], secrets: &[Secret]) -> Option<Box<str>> {
    let mut texts = Texts::default();
    match serde_json::from_slice(body) {
        Ok(value) => texts.of_json(true, &value),
        Err(_) => texts.of_other(body),
    }
    texts.joined(secrets)
}

/// Returns the first texts of a JSON object in members that are for errors, and in no others: they may be claims.
pub(crate) fn first_texts_of_errors(body: &[u8], secrets: &[Secret]) -> Option<Box<str>> {
    const NAMES: [&str; 5] = ["error", "errors", "error_description", "errmsg", "fault"];
    let mut members: Extra = serde_json::from_slice(body).ok()?;
    members.retain(|name, _| NAMES.contains(&name.as_str()));
    texts_of(&Value::Object(members), secrets)
}

/// Returns the first texts of a JSON value whose name says that it describes something.
pub(crate) fn texts_of(value: &Value, secrets: &[Secret]) -> Option<Box<str>> {
    let mut texts = Texts::default();
    texts.of_json(true, value);
    texts.joined(secrets)
}

/// Returns the first texts of a JSON body, and of no other, if no secret is known. Only words that people write are kept.
pub(crate) fn first_words_of_json(body: &[u8]) -> Option<Box<str>> {
    let is_word = |word: &&str| {
        let letters = word.trim_end_matches(['.', ',', ':', ';', '!', '?']);
        (1..=MAX_LETTERS).contains(&letters.len())
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'\'')
    };
    let texts = texts_of(&serde_json::from_slice(body).ok()?, &[])?;
    let words: Vec<&str> = texts.split_ascii_whitespace().filter(is_word).collect();
    (!words.is_empty()).then(|| words.join(" ").into())
}

#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn joined(&self, secrets: &[Secret]) -> Option<Box<str>> {
        (!self.0.is_empty()).then(|| Mask::new(secrets).over(&self.0.join("; ")).into())
    }

    /// Adds a text without its long words: each may be a token that nobody here knows.
    fn add(&mut self, text: &str) {
        if self.0.len() == MAX_TOLD {
            return;
        }
        let words = text.split_whitespace().filter(|word| word.len() <= MAX_WORD);
        let text = words.collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    fn of_json(&mut self, describes: bool, value: &Value) {
        match value {
            Value::String(text) if describes => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.of_json(describes, item)),
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| self.of_json(is_description(name), member));
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn of_other(&mut self, body: &[u8]) {
        let cut = body.get(..MAX_SEARCHED).unwrap_or(body);
        // The cut may be within a character.
        let text = match std::str::from_utf8(cut) {
            Ok(text) => text,
            Err(at) if at.error_len().is_none() => {
                cut.get(..at.valid_up_to()).and_then(|cut| std::str::from_utf8(cut).ok()).unwrap_or_default()
            }
            Err(_) => return,
        };
        match text.trim_start().trim_start_matches('\u{feff}').trim_start() {
            // Broken JSON may have anything anywhere.
            text if text.starts_with(['{', '[', '"']) => {}
            text if text.starts_with('<') => self.of_markup(text),
            text if text.contains('=') && !text.trim_end().contains(char::is_whitespace) => {
                let pairs =
                    form::decode(text.trim_end().as_bytes(), &["error_description"]).unwrap_or_default();
                pairs.iter().filter(|(name, _)| is_description(name)).for_each(|(_, value)| self.add(value));
            }
            text => self.add(text),
        }
    }

    /// Reads the elements that have a text and no element in them.
    fn of_markup(&mut self, text: &str) {
        for element in text.split('<').skip(1) {
            let Some((tag, content)) = element.split_once('>') else { continue };
            let name = tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
            let local = name.rsplit(':').next().unwrap_or_default();
            let heading = ["h1", "h2"].iter().any(|known| local.eq_ignore_ascii_case(known));
            if heading || is_description(local) {
                self.add(content);
            }
        }
    }
}

fn is_description(name: &str) -> bool {
    const PARTS: [&str; 13] = [
        "err", "mess", "msg", "desc", "detail", "title", "reason", "status", "summary", "fault", "hint",
        "cause", "text",
    ];
    let name = name.to_ascii_lowercase();
    let secret = ["token", "secret", "password"].iter().any(|part| name.contains(part));
    !secret && (name == "code" || PARTS.iter().any(|part| name.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Option<String> {
        first_texts(body.as_bytes(), &[Secret::new("hunter2-hunter2")]).map(String::from)
    }

    #[test]
    fn every_form_of_a_refusal_is_understood() {
        for (body, texts) in [
            (r#"{"error":{"code":"x","message":"the app is disabled"}}"#, "x; the app is disabled"),
            (r#"{"errors":[{"message":"no such app"},{"message":"nor user"}]}"#, "no such app; nor user"),
            (
                r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired"}]"#,
                "INVALID_SESSION_ID; Session expired",
            ),
            (
                r#"{"detail":"no such app","status":403,"title":"Forbidden","type":"https://e.example/p"}"#,
                "no such app; Forbidden",
            ),
            (r#"{"errcode":40029,"errmsg":"invalid code"}"#, "invalid code"),
            (r#"{"error":100,"error_description":["one","two"]}"#, "one; two"),
            (r#""the app is disabled""#, "the app is disabled"),
            ("error=bad_code&error_description=The+code+is+wrong&x=1", "bad_code; The code is wrong"),
            (
                "<html><head><title>403 Forbidden</title></head><body><h1>No entry</h1><p>1</p></body></html>",
                "403 Forbidden; No entry",
            ),
            ("\n<!DOCTYPE html>\n<HTML><TITLE>Just a\n moment</TITLE>", "Just a moment"),
            (
                "<?xml version=\"1.0\"?><e:Error xmlns:e=\"u\"><e:Code>7 A</e:Code><e:Message>no such app</e:Message></e:Error>",
                "7 A; no such app",
            ),
            ("Invalid client\n", "Invalid client"),
        ] {
            assert_eq!(told(body).as_deref(), Some(texts), "{body}");
        }
    }

    #[test]
    fn nothing_is_shown_that_may_be_a_token_or_about_a_user() {
        let long = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.sig";
        for body in [
            "",
            "  ",
            "{}",
            r#"{"access_token":"short","name":"Alice"}"#,
            r#"{"error_token":"short","message":7}"#,
            r#"{"access_token":"short","message":"cut o"#,
            r#"["#,
            "access_token=short&token_type=bearer",
            "error=1&error=2",
            "<p>Alice</p>",
            "<token>short</token><error_token>short</error_token>",
            long,
            &format!("<title>{long}</title>"),
            &format!(r#"{{"message":"{long}"}}"#),
        ] {
            assert_eq!(told(body), None, "{body}");
        }
        assert_eq!(first_texts(b"\xff\xfe no", &[]), None);
        let body = format!(r#"{{"error":"not_found","message":"No a7Xq9 {long} such realm."}}"#);
        assert_eq!(first_words_of_json(body.as_bytes()).as_deref(), Some("not_found; No such realm."));
        assert_eq!(first_words_of_json(b"<title>No such realm</title>"), None);
        for body in [
            format!("Bad token {long} here"),
            format!("<title>Bad token {long} here</title>"),
            format!("error_description=Bad+token+{long}+here"),
            format!(r#"{{"message":"Bad token {long} here"}}"#),
            format!(r#""Bad token {long} here""#),
        ] {
            assert_eq!(told(&body).as_deref(), Some("Bad token here"), "{body}");
        }
        for body in [
            "hunter2-hunter2 is wrong",
            "error=hunter2-hunter2+is+wrong",
            "<title>hunter2-hunter2 is wrong</title>",
        ] {
            assert_eq!(told(body).as_deref(), Some("[secret] is wrong"), "{body}");
        }
    }

    #[test]
    fn a_text_is_bounded_and_cut_between_characters() {
        for filler in ["x ", "é ", "<h1>é ", "a=é&"] {
            for at in 0..4 {
                let body = format!("{}{}", " ".repeat(at), filler.repeat(100_000));
                assert!(told(&body).is_none_or(|text| text.chars().count() <= 256), "{filler}");
            }
        }
        assert!(told(&format!(" {}", "é ".repeat(4000))).is_some());
    }
}
