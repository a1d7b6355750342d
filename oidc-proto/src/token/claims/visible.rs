//! Claims that a program shows or compares must not hide a character.

use crate::{base::visible::all_visible, token::VerificationError};
use std::borrow::Cow;

/// Whether a text has visible ASCII only: the fast check for the usual token. JSON writes control characters as
/// escapes, and a text with escapes is never borrowed, so a borrowed text needs only the upper limit.
pub(in crate::token) fn is_plain(text: &Option<Cow<'_, str>>) -> bool {
    match text {
        None => true,
        Some(Cow::Borrowed(text)) => text.bytes().fold(true, |plain, byte| plain & (byte < 0x7f)),
        Some(Cow::Owned(_)) => false,
    }
}

/// Refuses the first of these claims that has an invisible character.
#[cold]
pub(in crate::token) fn check_visible(
    all: &[(&'static str, &Option<Cow<'_, str>>)],
) -> Result<(), VerificationError> {
    let hides = |text: &Option<Cow<'_, str>>| text.as_deref().is_some_and(|text| !all_visible(text));
    all.iter().find(|(_, text)| hides(text)).map_or(Ok(()), |(name, _)| Err(VerificationError::Value(name)))
}
