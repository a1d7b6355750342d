//! Texts of a provider, without the secrets that it was sent: some providers repeat them, and not always as
//! they were.
//!
//! Text and secret are brought into one spelling first: what is encoded is decoded, as often as it takes, and
//! of the rest only letters and digits count, in lower case. Then every piece of the text that is as long as
//! [`run`] says and that is a piece of a secret is hidden. So it does not matter how a secret was encoded,
//! where it was cut off, or which of its spaces and signs were lost.

use crate::base::{secret::Secret, visible::is_visible};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// How much of a provider's prose is kept, in characters.
pub(super) const MAX_TEXT: usize = 256;

/// How much of it is looked at, in bytes: what is hidden makes room for what comes after it.
const MAX_LOOKED_AT: usize = 4096;

/// The longest secret that is also looked for in base64 and hexadecimal, in bytes.
const MAX_ENCODED: usize = 1024;

/// What stands in the place of a secret.
const MASK: &str = "[secret]";

/// How long a piece of a secret of so many significant characters must be to be hidden. Shorter ones are
/// syllables of anything. A secret of 4 to 7 characters is hidden as a whole, where it is a word by itself;
/// shorter ones are not looked for.
fn run(length: usize) -> usize {
    match length {
        16.. => 8,
        8..16 => length.div_ceil(2).max(6),
        _ => length,
    }
}

/// Secrets, ready to be looked for in texts.
pub(super) struct Mask(Vec<Needle>);

impl Mask {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let mut needles = Vec::new();
        // Most spellings of one secret are alike here.
        let mut add = |needle: Option<Needle>| match needle {
            Some(needle) if !needles.contains(&needle) => needles.push(needle),
            Some(_) | None => {}
        };
        for secret in secrets.iter().map(Secret::expose) {
            add(Needle::new(secret));
            if !(8..=MAX_ENCODED).contains(&secret.len()) {
                continue;
            }
            // Whatever stands before it in base64, it begins at one of three places; what it shares a
            // character with is left out.
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

    /// The text on one line of visible characters, cut to [`MAX_TEXT`], without the secrets.
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

    /// Which bytes of a text spell a piece of a secret.
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

/// A piece of up to eight characters of ASCII, none of which is 0.
fn packed(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte))
}

/// A character of ASCII as a byte.
fn byte(c: char) -> u8 {
    u8::try_from(c).unwrap_or_default()
}

/// A character as it was meant, and the bytes of the text that spell it.
#[derive(Clone, Copy)]
struct Unit {
    c: char,
    from: usize,
    to: usize,
}

/// Which characters count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// Letters and digits.
    Letters,
    /// All that are visible, for secrets with few letters; but no `+`, which is a space in forms.
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

/// A secret, or another spelling of it, as it is looked for.
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

/// Whether this part of a text is not a part of a word.
fn is_word(text: &str, from: usize, to: usize) -> bool {
    let before = text.get(..from).and_then(|text| text.chars().next_back());
    let after = text.get(to..).and_then(|text| text.chars().next());
    !before.into_iter().chain(after).any(char::is_alphanumeric)
}

/// A text as it was meant. What is encoded twice is decoded twice.
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

/// The first character of a text as it was meant, and of how many it is made.
fn one(units: &[Unit]) -> (char, usize) {
    let at = |index: usize| units.get(index).map(|unit| unit.c);
    let first = at(0).unwrap_or_default();
    match (first, at(1)) {
        // RFC 3986 section 2.1; a byte that is no ASCII is of no secret.
        ('%', _) => number(units, 1, 16, 2, 2).unwrap_or((first, 1)),
        // JSON (RFC 8259 section 7), and what other languages write.
        ('\\', Some('u' | 'U')) if at(2) == Some('{') => number(units, 3, 16, 1, 6)
            .filter(|(_, end)| at(*end) == Some('}'))
            .map_or(('\0', 2), |(value, end)| (value, end + 1)),
        ('\\', Some('u')) => number(units, 2, 16, 4, 4).unwrap_or(('\0', 2)),
        ('\\', Some('U')) => number(units, 2, 16, 8, 8).unwrap_or(('\0', 2)),
        ('\\', Some('x')) => number(units, 2, 16, 2, 2).unwrap_or(('\0', 2)),
        ('\\', Some('0'..='3')) => number(units, 1, 8, 3, 3).unwrap_or(('\0', 2)),
        ('\\', Some('n' | 'r' | 't' | 'b' | 'f')) => ('\0', 2),
        ('\\', Some(escaped)) => (escaped, 2),
        // The same in a quoted string of a header, which loses its backslashes.
        ('u', Some('0')) if at(2) == Some('0') => number(units, 3, 16, 2, 2).unwrap_or((first, 1)),
        ('x', Some(_)) => number(units, 1, 16, 2, 2).unwrap_or((first, 1)),
        // HTML, with the semicolon or without.
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

/// A number in so many digits at least and at most, as the character it stands for, and where it ends.
fn number(units: &[Unit], from: usize, radix: u32, least: usize, most: usize) -> Option<(char, usize)> {
    let digits = units.get(from..)?.iter().take(most).map_while(|unit| unit.c.to_digit(radix));
    let (value, count) = digits.fold((0_u32, 0), |(value, count), digit| {
        (value.saturating_mul(radix).saturating_add(digit), count + 1)
    });
    (count >= least).then(|| (char::from_u32(value).unwrap_or('\0'), from + count))
}

/// The entities of HTML for characters of ASCII that a secret may have.
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

    /// No six letters and digits of a secret in a row are in a text.
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
        // Of ten, six; of seven, all; and a word by itself.
        assert_eq!(of("is horsebatte", "horsebatte"), "is [secret]");
        assert_eq!(of("is sebatt.", "horsebatte"), "is [secret].");
        assert_eq!(of("is rseba.", "horsebatte"), "is rseba.");
        assert_eq!(of("is hunter2.", "hunter2"), "is [secret].");
        assert_eq!(of("is h%75nter2.", "hunter2"), "is [secret].");
        assert_eq!(of("is hunter.", "hunter2"), "is hunter.");
        assert_eq!(of("is hunter2s.", "hunter2"), "is hunter2s.");
        assert_eq!(of("axe x x", "x"), "axe x x");
        // With few letters the signs count.
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
