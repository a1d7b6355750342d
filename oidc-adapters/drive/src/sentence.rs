//! [`debug_is_sentence`]: errors show in words.

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
