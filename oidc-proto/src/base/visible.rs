//! Visible characters: the part of a foreign text that a log or an error may show.
//!
//! An invisible character could break a line of a log, or hide text in it.

/// Whether a character is visible and stays on its line. Control characters, line separators, characters without
/// width and characters that change the direction of writing are not visible (Unicode: Cc, Zl, Zp, Cf, and
/// `Default_Ignorable_Code_Point`).
pub(crate) const fn is_visible(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The most characters of a name or an address of a person that count.
const MAX_NAME: usize = 256;

/// Whether a text can be the name or the address of a person, who may have chosen it to deceive: it is not blank, at
/// most 256 characters long, and has neither control characters nor characters that end a line or turn the direction of
/// writing. Some scripts need other characters without width.
pub(crate) fn is_name(text: &str) -> bool {
    let deceives = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.contains(deceives)
}

/// Whether all characters of a text are visible.
pub(crate) fn all_visible(text: &str) -> bool {
    // One pass without branches, because every token is checked. Only printable ASCII is in the range.
    let ascii = text.bytes().fold(true, |visible, byte| visible & (byte.wrapping_sub(b' ') < 95));
    ascii || text.chars().all(is_visible)
}

/// Returns the part of a foreign text that an error may show: at most 256 characters, on one line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(256).map(|c| if is_visible(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Returns a document without the byte order mark that some editors put before it. A reader may skip it (RFC 8259
/// section 8.1).
pub(crate) fn without_mark(document: &[u8]) -> &[u8] {
    document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document)
}

/// Returns a URL without its query, whose values may be secret.
pub(crate) fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?.."),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_break_a_line_or_hide_in_it_are_not_visible() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{fe0f}',
        ] {
            assert!(!is_visible(c) && !all_visible(&format!("a{c}b")), "{:x}", u32::from(c));
        }
        assert!(all_visible("Zoë’s API ~ 日本語 «русский» עברית 😀 \u{a0}\u{fffd}"));
        assert_eq!(shown("a\u{2028}b\u{202e}\nc"), "a\u{fffd}b\u{fffd}\u{fffd}c");
        assert_eq!(shown(&"é".repeat(5000)).chars().count(), 256);
        assert_eq!(without_query("https://a.example/b?key=value"), "https://a.example/b?..");
        assert_eq!(without_query("https://a.example/b"), "https://a.example/b");
        // Exactly the printable characters of ASCII are visible.
        assert_eq!((0..128_u8).filter(|byte| is_visible(char::from(*byte))).count(), 95);
    }
}
