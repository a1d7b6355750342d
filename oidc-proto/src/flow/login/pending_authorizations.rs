//! [`PendingAuthorizations`]: the open logins of one browser, one for each tab.

use super::{
    pending::PendingAuthorization,
    sent::{Saved, VERSION},
};
use crate::base::{
    base64url,
    moment::Timestamp,
    secret::{Secret, equal},
};
use crate::flow::saved::{Seal, Sealed, fits_cookie};
use crate::message::AuthorizationDetails;
use serde::{Deserialize, Serialize};

/// The largest number of open logins of one browser.
pub const MAX_OPEN_LOGINS: usize = 10;

/// The logins that one browser has begun and not ended, to be sealed into one cookie.
///
/// The sealed form has room for [`MAX_OPEN_LOGINS`] that name no resources and no details. Logins that name some take more
/// room, and so do long issuers and redirect URIs. [`add`](Self::add) then keeps fewer logins, so that the new one always
/// has room. Only a login that alone is longer than [`MAX_SEALED`](crate::flow::MAX_SEALED) cannot be sealed.
///
/// If two tabs begin a login at the same time, both responses build on the same cookie. The browser keeps the later
/// one, and the login of the other tab is lost. A cookie for each login avoids this.
///
/// ```
/// use oidc_proto::{flow::{PendingAuthorizations, SealingKeys}, message::AuthorizationRequest};
/// use oidc_testkit::Party;
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes
///
/// // Two tabs begin a login. Both are in one cookie.
/// let mut open = PendingAuthorizations::new();
/// let (_url, first) = party.client.authorize(&AuthorizationRequest::new(["email"]), party.clock.moment())?;
/// let (_url, second) = party.client.authorize(&AuthorizationRequest::new(["email"]), party.clock.moment())?;
/// let state = first.state().to_owned();
/// open.add(first, party.clock.now());
/// open.add(second, party.clock.now());
/// let cookie = keys.seal(&open, "logins@app.example", party.clock.moment())?;
///
/// // The callback of the first tab takes its login, once.
/// let mut open: PendingAuthorizations = keys.open(&cookie, "logins@app.example")?;
/// assert!(open.take(&state).is_some());
/// assert!(open.take(&state).is_none());
/// assert_eq!(open.len(), 1); // seal the rest again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingAuthorizations(Vec<PendingAuthorization>);

impl PendingAuthorizations {
    /// Returns an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub(in crate::flow) fn of(pending: PendingAuthorization) -> Self {
        Self(vec![pending])
    }

    /// Adds a login. It drops the logins that are too old to end, or that a clock far ahead has begun. If there are
    /// still [`MAX_OPEN_LOGINS`], or if the sealed form would be longer than [`MAX_SEALED`](crate::flow::MAX_SEALED), it
    /// removes the oldest ones, as few as it must, and returns the first that it removed. It never removes the new one,
    /// even if this node's clock is behind the clock of the node that began the others.
    pub fn add(&mut self, pending: PendingAuthorization, now: Timestamp) -> Option<PendingAuthorization> {
        self.0.retain(|open| open.can_end(now));
        let mut gone = None;
        self.0.push(pending);
        while self.0.len() > MAX_OPEN_LOGINS || !fits_cookie(self) {
            let Some(removed) = self.remove_oldest_but_last() else { break };
            gone.get_or_insert(removed);
        }
        gone
    }

    fn remove_oldest_but_last(&mut self) -> Option<PendingAuthorization> {
        let (_new, others) = self.0.split_last()?;
        let (at, _) = others.iter().enumerate().min_by_key(|(_, open)| open.created())?;
        Some(self.0.remove(at))
    }

    /// Removes the login that has this `state`, and returns it. Seal the rest again, so that a second callback finds
    /// nothing.
    pub fn take(&mut self, state: &str) -> Option<PendingAuthorization> {
        let at = self.0.iter().position(|open| equal(open.state().as_bytes(), state.as_bytes()))?;
        Some(self.0.remove(at))
    }

    /// Returns the number of open logins.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no open login.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::flow) fn only(mut self) -> Option<PendingAuthorization> {
        if self.0.len() == 1 { self.0.pop() } else { None }
    }
}

/// The sealed form. Values that several logins share are in it once.
#[derive(Serialize, Deserialize)]
struct Compact {
    /// The issuer, the client and the redirect URI.
    shared: Vec<(String, String, String)>,
    logins: Vec<Login>,
}

#[derive(Serialize, Deserialize)]
struct Login {
    shared: u8,
    state: Token,
    nonce: Token,
    code_verifier: Token,
    max_age: Option<u32>,
    acr: Vec<String>,
    created: i64,
}

/// The response type, and whether the response must be signed. The list of these follows the rest, and only if a login
/// is not of the usual kind. So a version without these members and one with them open each other's usual logins.
type Unusual = (Option<String>, bool);

/// The thumbprint of the key to which a code is bound. The list of these follows the list before, and only if a code is
/// bound: a version without this member refuses such logins, and does not begin them anew without their keys.
type Thumbprint = Option<Token>;

/// The resources of the token, the details that were asked for, and those of the token, as JSON. The list of these follows
/// that of the thumbprints, and only if a login has named any.
type Asked = (Vec<String>, String, String);

/// A random value. The 43 characters of ours are 32 bytes; a value that was made elsewhere stays a text.
#[derive(Serialize, Deserialize)]
enum Token {
    Bytes([u8; 32]),
    Text(String),
}

impl Token {
    fn of(text: &str) -> Self {
        let bytes = base64url::decode(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map_or_else(|| Self::Text(text.to_owned()), Self::Bytes)
    }

    fn text(self) -> String {
        match self {
            Self::Bytes(bytes) => base64url::encode(&bytes),
            Self::Text(text) => text,
        }
    }
}

impl Sealed for PendingAuthorizations {
    const KIND: &'static str = "open logins";

    fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut compact = Compact { shared: Vec::new(), logins: Vec::new() };
        let (mut unusual, mut thumbprints, mut asked) = (Vec::new(), Vec::<Thumbprint>::new(), Vec::new());
        for saved in self.0.iter().cloned().map(Saved::from) {
            let Saved { v: _, i, c, r, s, n, p, w: _, m, a, y, j, d, q, g, e, t } = saved;
            unusual.push((y, j));
            thumbprints.push(d.as_deref().map(Token::of));
            asked.push((q, json(&g), json(&e)));
            let context = (i, c, r);
            let shared = compact.shared.iter().position(|known| *known == context).unwrap_or_else(|| {
                compact.shared.push(context);
                compact.shared.len() - 1
            });
            compact.logins.push(Login {
                shared: u8::try_from(shared).ok()?,
                state: Token::of(&s),
                nonce: Token::of(n?.expose()),
                // An empty text stands for none: the login is without PKCE.
                code_verifier: Token::of(p.as_ref().map_or("", Secret::expose)),
                max_age: m,
                acr: a,
                created: t.0,
            });
        }
        let bytes = postcard::to_allocvec(&compact).ok()?;
        let names_nothing = asked.iter().all(|one| *one == Asked::default());
        let plain = names_nothing && thumbprints.iter().all(Option::is_none);
        let bytes = match plain && unusual.iter().all(|kind| *kind == Unusual::default()) {
            true => bytes,
            false => postcard::to_extend(&unusual, bytes).ok()?,
        };
        let bytes = if plain { bytes } else { postcard::to_extend(&thumbprints, bytes).ok()? };
        if names_nothing { Some(bytes) } else { postcard::to_extend(&asked, bytes).ok() }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (compact, rest) = postcard::take_from_bytes::<Compact>(bytes).ok()?;
        let Compact { shared, logins } = compact;
        let (unusual, rest) = match rest {
            [] => (vec![Unusual::default(); logins.len()], rest),
            rest => postcard::take_from_bytes(rest).ok()?,
        };
        let (thumbprints, rest) = match rest {
            [] => (logins.iter().map(|_| None).collect(), rest),
            rest => postcard::take_from_bytes::<Vec<Thumbprint>>(rest).ok()?,
        };
        let (asked, rest) = match rest {
            [] => (vec![Asked::default(); logins.len()], rest),
            rest => postcard::take_from_bytes(rest).ok()?,
        };
        let counts = [unusual.len(), thumbprints.len(), asked.len()];
        if !rest.is_empty() || logins.len() > MAX_OPEN_LOGINS || counts != [logins.len(); 3] {
            return None;
        }
        type Read = (((Login, Unusual), Thumbprint), Asked);
        let read = |(((login, (y, j)), thumbprint), (q, g, e)): Read| {
            let code_verifier = Some(login.code_verifier.text()).filter(|text| !text.is_empty());
            let (issuer, client_id, redirect_uri) = shared.get(usize::from(login.shared))?.clone();
            PendingAuthorization::try_from(Saved {
                v: VERSION,
                i: issuer,
                c: client_id,
                r: redirect_uri,
                s: login.state.text(),
                n: Some(Secret::new(login.nonce.text())),
                w: code_verifier.is_none(),
                p: code_verifier.map(Secret::new),
                m: login.max_age,
                a: login.acr,
                y,
                j,
                d: thumbprint.map(Token::text),
                q,
                g: details(&g)?,
                e: details(&e)?,
                t: Timestamp(login.created),
            })
            .ok()
        };
        let logins = logins.into_iter().zip(unusual).zip(thumbprints).zip(asked);
        logins.map(read).collect::<Option<Vec<_>>>().map(Self)
    }
}

/// The JSON of details; an empty text stands for none.
fn json(details: &AuthorizationDetails) -> String {
    if details.is_empty() { String::new() } else { details.to_json() }
}

fn details(json: &str) -> Option<AuthorizationDetails> {
    if json.is_empty() { Some(AuthorizationDetails::default()) } else { serde_json::from_str(json).ok() }
}

impl Seal for PendingAuthorizations {}

impl Seal for PendingAuthorization {}

impl Sealed for PendingAuthorization {
    const KIND: &'static str = "login";
    fn to_bytes(&self) -> Option<Vec<u8>> {
        PendingAuthorizations::of(self.clone()).to_bytes()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        PendingAuthorizations::from_bytes(bytes)?.only()
    }
}
