//! Properties of the library that hold for any input: one function for each target, which panics if its
//! property does not hold.
//!
//! Fuzzers, random tests and the corpus in `tests/corpus` all run these functions. Each function decides
//! with code of its own what is right, never with the library's.
//!
//! ```
//! oidc_properties::callback(b"https://app.example/callback?code=1&state=2");
//! for (_name, check) in oidc_properties::TARGETS {
//!     check(b"no message at all");
//! }
//! ```

mod callback;
mod claims;
mod flows;
mod introspection;
mod jwks;
mod metadata;
mod renewal;
mod request;
mod resource_request;
mod saved;
mod token;

pub use callback::callback;
pub use claims::claims;
pub use flows::flows;
pub use introspection::introspection;
pub use jwks::jwks;
pub use metadata::metadata;
pub use renewal::renewal;
pub use request::request;
pub use resource_request::resource_request;
pub use saved::saved;
pub use token::{genuine_tokens, token};

use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    metadata::{Profile, ProviderMetadata},
};
use serde_json::{Value, json};
use std::fmt;

/// A property function. It takes any bytes, and panics if the property does not hold.
pub type Property = fn(&[u8]);

/// Every target by its name, which is the name of its function, of its folder in the corpus, and of its
/// fuzzer.
pub const TARGETS: [(&str, Property); 11] = [
    ("callback", callback),
    ("metadata", metadata),
    ("jwks", jwks),
    ("token", token),
    ("claims", claims),
    ("flows", flows),
    ("saved", saved),
    ("request", request),
    ("introspection", introspection),
    ("renewal", renewal),
    ("resource_request", resource_request),
];

/// The time at which every property is checked.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// The issuer of the tests.
pub const ISSUER: &str = "https://op.example/tenant";

/// The client identifier of the tests.
pub const CLIENT: &str = "app";

/// The redirect URI of the client.
pub const REDIRECT: &str = "https://app.example/callback";

/// The secret of the client.
pub const SECRET: &str = "a secret of more than sixty-four bytes, so that every HMAC may use it";

/// Returns a valid metadata document of [`ISSUER`].
#[must_use]
pub fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.op.example/authorize?tenant=1",
        "token_endpoint": "https://op.example/token",
        "userinfo_endpoint": "https://op.example/userinfo",
        "jwks_uri": "https://keys.op.example/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
    })
}

fn provider_metadata(document: &Value) -> ProviderMetadata {
    let document = document.to_string();
    ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &UrlPolicy::default())
        .expect("the document is good")
}

/// A moment whose entropy is this number, repeated.
fn moment(now: Timestamp, number: u8) -> Moment {
    Moment::new(now, [number; 32])
}

/// Checks that a text for people is bounded, and cannot steer a terminal or a log.
fn check_texts(shown: &(impl fmt::Display + fmt::Debug)) {
    // `Debug` escapes each character that cannot be printed.
    for (text, most) in [(shown.to_string(), 2048), (format!("{shown:?}"), 16_384)] {
        assert!(text.chars().count() < most, "a text of {} characters", text.chars().count());
        assert!(!text.chars().any(char::is_control), "control characters: {text:?}");
    }
}

/// Reads a script. Each draw takes bytes from the front; an empty script yields zeros.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.number()).checked_rem(bound).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// Draws a text or a body, which has its length in front.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.number()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}
