//! What the default settings refuse: for each setting that lets something in, the input that it lets in, the error of
//! the default settings, and the verdict with the setting. `tests/data/defaults.txt` has the errors.
//!
//! `DEFAULTS=write cargo test -p oidc-proto --test it defaults` writes the file anew. Read what has changed: a line that
//! is gone is something that is refused no longer. `tests/architecture/defaults.rs` compares the names with the settings in
//! the sources, so that a new one needs a row here.

mod api;
mod client;
mod discovery;
mod id_tokens;
mod introspection;
mod received_logout;

use oidc_proto::{Error, resource::Denied, token::VerificationError};

/// The error of a refusal: its code, and its text.
pub(crate) struct Refusal(&'static str, String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.code(), error.to_string())
    }
}

impl From<oidc_proto::flow::ConfigError> for Refusal {
    fn from(error: oidc_proto::flow::ConfigError) -> Self {
        Error::from(error).into()
    }
}

/// The text of an ID token's refusal is that of the error into which a program turns it.
impl From<VerificationError> for Refusal {
    fn from(error: VerificationError) -> Self {
        Error::from(error).into()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self(denied.code(), denied.to_string())
    }
}

/// A setting that lets something in.
struct Row {
    /// The type, and the method, field or variant.
    switch: String,
    /// The words of the error that name the setting.
    named: &'static str,
    /// The verdict on the same input: without the setting, and with it.
    verdicts: [Result<(), Refusal>; 2],
}

fn row(switch: &str, named: &'static str, judge: impl Fn(bool) -> Result<(), Refusal>) -> Row {
    Row { switch: switch.to_owned(), named, verdicts: [judge(false), judge(true)] }
}

fn rows() -> Vec<Row> {
    let mut rows = client::rows();
    rows.extend(id_tokens::rows());
    rows.extend(api::rows());
    rows.extend(introspection::rows());
    rows.extend(discovery::rows());
    rows.extend(received_logout::rows());
    rows
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/defaults.txt");

/// Each row by its rule: a text for each rule that it breaks.
fn faults(rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    for Row { switch, named, verdicts: [default, chosen] } in rows {
        match default {
            Ok(()) => faults.push(format!("{switch}: the default settings accept it, too")),
            Err(Refusal(_, text)) if !text.contains(named) => {
                faults.push(format!("{switch}: the error does not name it: {text}"));
            }
            Err(_) => {}
        }
        if let Err(Refusal(code, text)) = chosen {
            faults.push(format!("{switch}: refused with the setting, too: {code}: {text}"));
        }
    }
    faults
}

#[test]
fn the_default_settings_refuse_what_each_setting_lets_in_and_the_error_names_the_setting() {
    let rows = rows();
    assert_eq!(faults(&rows), Vec::<String>::new());
    assert!(rows.len() > 50, "{}", rows.len());
}

#[test]
fn the_list_of_what_is_refused_has_every_error_as_it_is_today() {
    let mut today = String::new();
    for Row { switch, verdicts: [default, _], .. } in rows() {
        let Err(Refusal(code, text)) = default else { panic!("{switch}") };
        today += &format!("{switch:<52}  {code:<24}  {text}\n");
    }
    if std::env::var("DEFAULTS").is_ok_and(|mode| mode == "write") {
        std::fs::write(FILE, &today).unwrap();
    }
    let known = std::fs::read_to_string(FILE).unwrap_or_default();
    for (at, (today, known)) in today.lines().zip(known.lines()).enumerate() {
        assert_eq!(today, known, "line {} of {FILE}", at + 1);
    }
    assert_eq!(today.lines().count(), known.lines().count(), "{FILE}");
}

#[test]
fn a_setting_that_does_nothing_or_that_no_error_names_is_seen() {
    let refusal = || Err(Refusal("code", "call `T::named`".to_owned()));
    let good = row("T::named", "`T::named`", |on| if on { Ok(()) } else { refusal() });
    let useless = row("T::named", "`T::named`", |_| refusal());
    let open = row("T::named", "`T::named`", |_| Ok(()));
    let unnamed = row("T::other", "`T::other`", |on| if on { Ok(()) } else { refusal() });
    let seen = |row| faults(&[row]).len();
    assert_eq!((seen(good), seen(useless), seen(open), seen(unnamed)), (0, 1, 1, 1));
}
