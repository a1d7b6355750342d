//! [`debug_is_sentence`], [`predicate`] and [`Remedy`]: how errors are put into words, and what helps against them.

use std::{
    fmt::{self, Write},
    time::Duration,
};

/// Who can do what about an error. The text of an error says it in detail, and this value says it to a program.
///
/// ```
/// use oidc_proto::{Error, Remedy, flow::{CallbackError, Discovery}};
///
/// /// The status and the page for a user whose login has failed.
/// fn page(error: &Error) -> (u16, &'static str) {
///     match error.remedy() {
///         Remedy::LogInAgain => (400, "Please log in again."),
///         Remedy::TryLater { .. } => (503, "Please try again later."),
///         Remedy::FixConfiguration => (500, "Something is set up wrongly on our side."), // tell the operator
///         _ => (502, "The login service gave a wrong answer."),
///     }
/// }
///
/// assert_eq!(page(&Error::Callback(CallbackError::State)).0, 400);
/// let plain_http = Discovery::start("http://op.example", &Default::default()).unwrap_err();
/// assert_eq!(page(&plain_http).0, 500);
/// ```
///
/// Every error that ends something has a method `remedy`. An error that is only a part of others, such as
/// [`JsonError`](super::JsonError), has none: whether it is anybody's fault depends on whose text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// The user logs in again: the login, the session or the saved state is over, or the user said no. Nothing is wrong
    /// with the settings.
    LogInAgain,
    /// The same attempt may succeed later. Whoever calls waits, and tries again.
    TryLater {
        /// How long to wait, if the other side has said so.
        after: Option<Duration>,
    },
    /// A developer or an operator changes something: the settings or the code of this program, its clock, or the
    /// registration of the client at the provider. The text names the method if there is one.
    FixConfiguration,
    /// The provider breaks a specification, and no setting of this library tolerates it. Nobody but the provider can
    /// help.
    ProviderAtFault,
    /// The sender of a request to this API must send another: with a token, with another token or proof, or with one
    /// that allows more. Answer with the refusal. Nothing is to be done here.
    RequestAtFault,
}

impl Remedy {
    /// Returns a short, stable name, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LogInAgain => "log_in_again",
            Self::TryLater { .. } => "try_later",
            Self::FixConfiguration => "fix_configuration",
            Self::ProviderAtFault => "provider_at_fault",
            Self::RequestAtFault => "request_at_fault",
        }
    }
}

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
