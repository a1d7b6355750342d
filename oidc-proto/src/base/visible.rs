//! Which characters can be seen, and stay on their line: what a log may show of a text that others have
//! written.

/// Whether a character takes its place on the line like any other. Control characters do not, nor do
/// separators of lines, what turns the direction of writing, what has no width, and what is there for other
/// programs (Unicode: Cc, Zl, Zp, Cf, and what is ignorable by default).
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

/// Whether all of a text can be seen.
pub(crate) fn all_visible(text: &str) -> bool {
    // All of them at once, without a branch for each: this is asked of every token.
    let ascii = text.bytes().fold(true, |visible, byte| visible & (byte.wrapping_sub(b' ') < 95));
    ascii || text.chars().all(is_visible)
}

/// A text of somebody else for an error: on one line, and bounded.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(256).map(|c| if is_visible(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// A URL without the values of its query, which may be worth something to others.
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
    fn what_breaks_a_line_or_hides_in_it_is_not_visible() {
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
        // Of ASCII, exactly what has a picture.
        assert_eq!((0..128_u8).filter(|byte| is_visible(char::from(*byte))).count(), 95);
    }
}
