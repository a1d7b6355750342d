//! [`debug_is_sentence`] and [`predicate`]: how errors are put into words.

use std::fmt::{self, Write};

/// `Debug` of an error prints its sentence, so that `unwrap` and `expect` show it.
macro_rules! debug_is_sentence {
    ($($error:ty),+ $(,)?) => {$(
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    )+};
}
pub(crate) use debug_is_sentence;

/// An error whose sentences all begin with the same subject.
pub(crate) trait Sentence: fmt::Display {
    /// The words that each sentence begins with, and the space behind them.
    const SUBJECT: &'static str;
}

/// What the sentence of an error says of its subject, for a sentence with another subject: `the URL has no host`
/// becomes `the issuer has no host`.
pub(crate) const fn predicate<E: Sentence>(error: &E) -> Predicate<'_, E> {
    Predicate(error)
}

pub(crate) struct Predicate<'e, E>(&'e E);

impl<E: Sentence> fmt::Display for Predicate<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Behind { skip: E::SUBJECT.len(), f }, "{}", self.0)
    }
}

/// Writes a text but for its first bytes.
struct Behind<'f, 'g> {
    skip: usize,
    f: &'f mut fmt::Formatter<'g>,
}

impl Write for Behind<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let skip = self.skip.min(text.len());
        self.skip -= skip;
        self.f.write_str(text.get(skip..).unwrap_or_default())
    }
}

/// Names the subject of the sentences of an error, and has `Debug` print them.
macro_rules! sentences_about {
    ($($error:ty: $subject:literal),+ $(,)?) => {$(
        impl $crate::base::sentence::Sentence for $error {
            const SUBJECT: &'static str = $subject;
        }

        $crate::base::sentence::debug_is_sentence!($error);
    )+};
}
pub(crate) use sentences_about;

sentences_about!(super::json::JsonError: "the text ");

/// Texts in a sentence, each in ticks.
pub(crate) struct Quoted<'a>(pub(crate) &'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, text) in self.0.iter().enumerate() {
            write!(f, "{}`{text}`", if index == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{endpoint_url::UrlError, json::JsonError};

    #[test]
    fn a_predicate_is_the_sentence_without_its_subject_whatever_the_pieces_it_is_written_in() {
        assert_eq!(UrlError::NoHost.to_string(), "the URL has no host");
        assert_eq!(predicate(&UrlError::NoHost).to_string(), "has no host");
        let wrong = JsonError::WrongType { member: "keys", expected: "an array" };
        assert_eq!(predicate(&wrong).to_string(), "has a member `keys` that is not an array");
        assert_eq!(format!("{wrong:?}"), wrong.to_string());
    }
}
