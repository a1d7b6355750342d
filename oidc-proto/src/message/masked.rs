//! [`Mask`]: removes the secrets of a request from the texts of a provider. Some providers repeat them, often in
//! another encoding.
//!
//! Both the text and the secret are normalized first: encoded characters are decoded, up to eight times, and then only
//! letters and digits count, in lower case. A piece of the text is hidden if it is a piece of a secret, and as long as
//! [`run`] says. So the encoding of a secret does not matter, nor the place where it was cut off, nor lost spaces and
//! signs.

use crate::base::{secret::Secret, visible::is_visible};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The longest text that is kept, in characters.
pub(super) const MAX_TEXT: usize = 256;

/// The part of a text that is read, in bytes. It is longer than the text that is kept, because hidden secrets make
/// room for the text after them.
const MAX_LOOKED_AT: usize = 4096;

/// The longest secret that is also searched for in base64 and hexadecimal, in bytes.
const MAX_ENCODED: usize = 1024;

/// The text that replaces a secret.
const MASK: &str = "[secret]";

/// Returns the length from which a piece of a secret is hidden, for a secret of `length` significant characters.
/// Shorter pieces occur in ordinary words. A secret of 4 to 7 characters is hidden only as a whole word. Shorter
/// secrets are not searched for.
fn run(length: usize) -> usize {
    match length {
        16.. => 8,
        8..16 => length.div_ceil(2).max(6),
        _ => length,
    }
}

/// Secrets, prepared for a search in texts.
pub(super) struct Mask(Vec<Needle>);

impl Mask {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let mut needles = Vec::new();
        // Most encodings of a secret are equal once normalized.
        let mut add = |needle: Option<Needle>| match needle {
            Some(needle) if !needles.contains(&needle) => needles.push(needle),
            Some(_) | None => {}
        };
        for secret in secrets.iter().map(Secret::expose) {
            add(Needle::new(secret));
            if !(8..=MAX_ENCODED).contains(&secret.len()) {
                continue;
            }
            // Base64 encodes three bytes in four characters, so a secret begins at one of three offsets. The
            // characters at its ends that encode neighboring bytes, too, are left out.
            for (before, shared) in [(&[][..], 0), (&[0][..], 2), (&[0, 0][..], 3)] {
                let bytes = Zeroizing::new([before, secret.as_bytes()].concat());
                let encoded = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(&bytes));
                let end = encoded.len() - usize::from(bytes.len() % 3 != 0);
                add(encoded.get(shared..end).and_then(Needle::new));
            }
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            add(Needle::new(&Zeroizing::new(hex(secret.as_bytes()))));
        }
        Self(needles)
    }

    /// Returns the text without the secrets: one line of visible characters, cut to [`MAX_TEXT`].
    pub(super) fn over(&self, text: &str) -> String {
        let mut end = text.len().min(MAX_LOOKED_AT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        let hidden = self.hidden(text);
        let mut out = String::new();
        let mut length = 0;
        let mut within = false;
        for (at, c) in text.char_indices() {
            let hide = hidden.get(at) == Some(&true);
            if hide && !within {
                out.push_str(MASK);
                length += MASK.len();
            } else if !hide {
                out.push(if is_visible(c) { c } else { char::REPLACEMENT_CHARACTER });
                length += 1;
            }
            within = hide;
            if length >= MAX_TEXT {
                break;
            }
        }
        out.chars().take(MAX_TEXT).collect()
    }

    /// Marks the bytes of a text that spell a piece of a secret.
    fn hidden(&self, text: &str) -> Vec<bool> {
        let mut hidden = vec![false; text.len()];
        if self.0.is_empty() {
            return hidden;
        }
        let units = decoded(text);
        for alphabet in [Alphabet::Letters, Alphabet::Signs] {
            let shown = alphabet.of(&units);
            let letters: Vec<u8> = shown.iter().map(|unit| byte(unit.c)).collect();
            let mut places: BTreeMap<usize, BTreeMap<u64, Vec<usize>>> = BTreeMap::new();
            for needle in self.0.iter().filter(|needle| needle.alphabet == alphabet) {
                let run = run(needle.text.len());
                let places = places.entry(run).or_insert_with(|| {
                    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
                    for (at, piece) in letters.windows(run).enumerate() {
                        places.entry(packed(piece)).or_default().push(at);
                    }
                    places
                });
                let pieces = needle.text.windows(run).map(packed);
                for at in pieces.filter_map(|piece| places.get(&piece)).flatten() {
                    let (Some(first), Some(last)) = (shown.get(*at), shown.get(at + run - 1)) else {
                        continue;
                    };
                    if needle.text.len() >= 8 || is_word(text, first.from, last.to) {
                        hidden.iter_mut().take(last.to).skip(first.from).for_each(|byte| *byte = true);
                    }
                }
            }
        }
        hidden
    }
}

/// Packs up to eight characters of ASCII into a number. None of them may be 0.
fn packed(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte))
}

/// Returns a character of ASCII as a byte.
fn byte(c: char) -> u8 {
    u8::try_from(c).unwrap_or_default()
}

/// A decoded character, and the range of bytes of the text that spell it.
#[derive(Clone, Copy)]
struct Unit {
    c: char,
    from: usize,
    to: usize,
}

/// The characters of a text that are compared with a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// Letters and digits.
    Letters,
    /// All visible characters, for secrets with few letters. A `+` does not count: it is a space in forms.
    Signs,
}

impl Alphabet {
    fn counts(self, c: char) -> bool {
        match self {
            Self::Letters => c.is_ascii_alphanumeric(),
            Self::Signs => c.is_ascii_graphic() && c != '+',
        }
    }

    fn of(self, units: &[Unit]) -> Vec<Unit> {
        let lower = |unit: &Unit| Unit { c: unit.c.to_ascii_lowercase(), ..*unit };
        units.iter().filter(|unit| self.counts(unit.c)).map(lower).collect()
    }
}

/// A secret, or an encoding of it, in normalized form.
#[derive(PartialEq, Eq)]
struct Needle {
    alphabet: Alphabet,
    text: Zeroizing<Vec<u8>>,
}

impl Needle {
    fn new(secret: &str) -> Option<Self> {
        let units = decoded(secret);
        let spelt = |alphabet: Alphabet| -> Zeroizing<Vec<u8>> {
            Zeroizing::new(alphabet.of(&units).iter().map(|unit| byte(unit.c)).collect())
        };
        let letters = spelt(Alphabet::Letters);
        if letters.len() >= 8 {
            return Some(Self { alphabet: Alphabet::Letters, text: letters });
        }
        let signs = spelt(Alphabet::Signs);
        (signs.len() >= 4).then_some(Self { alphabet: Alphabet::Signs, text: signs })
    }
}

/// Whether this part of a text is a word by itself.
fn is_word(text: &str, from: usize, to: usize) -> bool {
    let before = text.get(..from).and_then(|text| text.chars().next_back());
    let after = text.get(to..).and_then(|text| text.chars().next());
    !before.into_iter().chain(after).any(char::is_alphanumeric)
}

/// Decodes a text. A text that was encoded several times is decoded as often, up to eight times.
fn decoded(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> =
        text.char_indices().map(|(from, c)| Unit { c, from, to: from + c.len_utf8() }).collect();
    for _ in 0..8 {
        let before = units.len();
        units = decode(&units);
        if units.len() == before {
            break;
        }
    }
    units
}

fn decode(units: &[Unit]) -> Vec<Unit> {
    let mut out = Vec::with_capacity(units.len());
    let mut rest = units;
    while let [first, ..] = rest {
        let (c, length) = one(rest);
        let (read, after) = rest.split_at(length.clamp(1, rest.len()));
        out.push(Unit { c, from: first.from, to: read.last().map_or(first.to, |last| last.to) });
        rest = after;
    }
    out
}

/// Returns the first decoded character of a text, and the number of characters that spell it.
fn one(units: &[Unit]) -> (char, usize) {
    let at = |index: usize| units.get(index).map(|unit| unit.c);
    let first = at(0).unwrap_or_default();
    match (first, at(1)) {
        // RFC 3986 section 2.1. Bytes outside of ASCII are not part of a secret.
        ('%', _) => number(units, 1, 16, 2, 2).unwrap_or((first, 1)),
        // Escapes of JSON (RFC 8259 section 7) and of other languages.
        ('\\', Some('u' | 'U')) if at(2) == Some('{') => number(units, 3, 16, 1, 6)
            .filter(|(_, end)| at(*end) == Some('}'))
            .map_or(('\0', 2), |(value, end)| (value, end + 1)),
        ('\\', Some('u')) => number(units, 2, 16, 4, 4).unwrap_or(('\0', 2)),
        ('\\', Some('U')) => number(units, 2, 16, 8, 8).unwrap_or(('\0', 2)),
        ('\\', Some('x')) => number(units, 2, 16, 2, 2).unwrap_or(('\0', 2)),
        ('\\', Some('0'..='3')) => number(units, 1, 8, 3, 3).unwrap_or(('\0', 2)),
        ('\\', Some('n' | 'r' | 't' | 'b' | 'f')) => ('\0', 2),
        ('\\', Some(escaped)) => (escaped, 2),
        // The same escapes in a quoted string of a header, which loses its backslashes.
        ('u', Some('0')) if at(2) == Some('0') => number(units, 3, 16, 2, 2).unwrap_or((first, 1)),
        ('x', Some(_)) => number(units, 1, 16, 2, 2).unwrap_or((first, 1)),
        // Character references of HTML, with or without the semicolon.
        ('&', Some('#')) => {
            let found = match at(2) {
                Some('x' | 'X') => number(units, 3, 16, 1, 6),
                _ => number(units, 2, 10, 1, 7),
            };
            found.map_or((first, 1), |(value, end)| (value, end + usize::from(at(end) == Some(';'))))
        }
        ('&', Some(_)) => entity(units).unwrap_or((first, 1)),
        _ => (first, 1),
    }
}

/// Reads a number of `least` to `most` digits. Returns the character with this number, and the end of the number.
fn number(units: &[Unit], from: usize, radix: u32, least: usize, most: usize) -> Option<(char, usize)> {
    let digits = units.get(from..)?.iter().take(most).map_while(|unit| unit.c.to_digit(radix));
    let (value, count) = digits.fold((0_u32, 0), |(value, count), digit| {
        (value.saturating_mul(radix).saturating_add(digit), count + 1)
    });
    (count >= least).then(|| (char::from_u32(value).unwrap_or('\0'), from + count))
}

/// The named character references of HTML for characters that a secret may have.
const ENTITIES: [(&str, char); 50] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("Tab", ' '),
    ("NewLine", ' '),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("hyphen", '-'),
    ("dash", '-'),
    ("minus", '-'),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("VerticalLine", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("tilde", '~'),
    ("shy", '\0'),
];

fn entity(units: &[Unit]) -> Option<(char, usize)> {
    let fits = |name: &str| {
        let mut found = units.iter().skip(1).map(|unit| unit.c);
        name.chars().all(|c| found.next() == Some(c))
    };
    let longest = ENTITIES.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
    longest.map(|(name, c)| {
        let end = 1 + name.len();
        (*c, end + usize::from(units.get(end).map(|unit| unit.c) == Some(';')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr+t/of=the client";

    fn of(text: &str, secret: &str) -> String {
        Mask::new(&[Secret::new(secret)]).over(text)
    }

    /// Asserts that the text has no six successive letters and digits of the secret.
    fn shows_nothing(text: &str, secret: &str) {
        let plain = |text: &str| -> Vec<char> {
            text.replace(MASK, " ").to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
        };
        let (text, secret) = (plain(text), plain(secret));
        let seen = secret.windows(6).find(|piece| text.windows(6).any(|window| window == *piece));
        assert_eq!(seen, None, "{}", text.iter().collect::<String>());
    }

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect();
        let escaped: String = SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let decimal: String = SECRET.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for told in [
            SECRET.to_owned(),
            "s3cr%2Bt%2Fof%3Dthe+client".to_owned(),
            "s3cr%2bt%2fof%3dthe+client".to_owned(),
            "s3cr%2Bt%2Fof%3Dthe%20client".to_owned(),
            "s3cr%252Bt%252Fof%253Dthe%2520client".to_owned(),
            "s3cr&#43;t&#x2F;of&#61;the client".to_owned(),
            "s3cr&#43t&#x2Fof&#61the&nbsp;client".to_owned(),
            "s3cr&plus;t&sol;of&equals;the client".to_owned(),
            "s3cr&plust&solof&equalsthe client".to_owned(),
            "s3cr&amp;#43;t&amp;#47;of=the client".to_owned(),
            r"s3cr\u002bt\u002Fof\u003dthe\u0020client".to_owned(),
            r"s3cr\x2bt\/of\075the\u{20}client".to_owned(),
            "s3cru002btu002Fofu003dtheu0020client".to_owned(),
            "s3crx2btx2Fofx3Dthex20client".to_owned(),
            "s3cr+t/of=theclient".to_owned(),
            "s3crt/of=the client".to_owned(),
            "s3cr t of the client".to_owned(),
            "S3CR+T/OF=THE CLIENT".to_owned(),
            "s3cr\u{200b}+t/of\u{ad}=the\nclient".to_owned(),
            "s-3-c-r-t-o-f-t-h-e-c-l-i-e-n-t".to_owned(),
            hex.clone(),
            hex.to_lowercase(),
            escaped,
            decimal,
            percent,
            BASE64_STANDARD_NO_PAD.encode(SECRET),
            base64::prelude::BASE64_URL_SAFE.encode(SECRET),
            BASE64_STANDARD_NO_PAD.encode(format!("a{SECRET}")),
            BASE64_STANDARD_NO_PAD.encode(format!("my-client:{SECRET}!")),
            BASE64_STANDARD_NO_PAD.encode(format!("ab{SECRET}")),
            format!("{}...", &SECRET[..16]),
            format!("'{}'", &SECRET[..16]),
            SECRET[4..].to_owned(),
            SECRET[3..17].to_owned(),
        ] {
            for text in
                [format!("wrong secret {told}"), told.clone(), format!("<{told}>"), format!("{told}, no")]
            {
                let shown = of(&text, SECRET);
                assert!(shown.contains(MASK), "{text} is {shown}");
                shows_nothing(&shown, SECRET);
            }
        }
    }

    #[test]
    fn what_stands_around_a_secret_stays() {
        assert_eq!(of("bad 's3cr+t/of=the client', try again", SECRET), "bad '[secret]', try again");
        assert_eq!(of("bad s3cr%2bt%2fof%3dthe+client!", SECRET), "bad [secret]!");
        assert_eq!(
            of("one s3cr+t/of=the client two S3CR+T/OF=THE CLIENT", SECRET),
            "one [secret] two [secret]"
        );
        for other in [
            "Client authentication failed (e.g., unknown client, no client authentication included)",
            "a client s3cr&t%zz is 100%&#; \\ unknown &; &amp \\u12 %2",
            "",
        ] {
            assert_eq!(of(other, SECRET), other);
        }
    }

    #[test]
    fn the_shorter_a_secret_is_the_more_of_it_must_be_there() {
        // Of ten characters, six are enough. Of seven, all are needed, as a word by itself.
        assert_eq!(of("is horsebatte", "horsebatte"), "is [secret]");
        assert_eq!(of("is sebatt.", "horsebatte"), "is [secret].");
        assert_eq!(of("is rseba.", "horsebatte"), "is rseba.");
        assert_eq!(of("is hunter2.", "hunter2"), "is [secret].");
        assert_eq!(of("is h%75nter2.", "hunter2"), "is [secret].");
        assert_eq!(of("is hunter.", "hunter2"), "is hunter.");
        assert_eq!(of("is hunter2s.", "hunter2"), "is hunter2s.");
        assert_eq!(of("axe x x", "x"), "axe x x");
        // If a secret has few letters, its signs count.
        assert_eq!(of("is !@#$^*()_|~", "!@#$^*()_|~"), "is [secret]");
        assert_eq!(of("is !%40%23$^*()_|", "!@#$^*()_|~"), "is [secret]");
        assert_eq!(of("is (a) [b] {c}", "!@#$^*()_|~"), "is (a) [b] {c}");
    }

    #[test]
    fn a_text_is_one_line_of_visible_characters_and_bounded() {
        let text =
            "one\u{2028}two\u{2029}three\u{85}four\u{202e}evif\u{200b}\u{feff}\u{e0041}\r\n\t\u{1b}[31m";
        let shown = of(text, SECRET);
        assert!(shown.chars().all(is_visible), "{shown:?}");
        assert!(shown.starts_with("one\u{fffd}two\u{fffd}three"));
        assert_eq!(of(&"é".repeat(100_000), SECRET).chars().count(), MAX_TEXT);
        let far = format!("{}{SECRET}", "x".repeat(MAX_TEXT - 5));
        assert!(of(&far, SECRET).ends_with("x[secr"));
        let long = SECRET.repeat(1_000);
        shows_nothing(&of(&long, SECRET), SECRET);
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.".to_owned() + &"Zm9vYmFyYmF6cXV4".repeat(900);
        assert_eq!(of(&format!("unknown {}", &token[21..1_000]), &token), "unknown [secret]");
    }
}
