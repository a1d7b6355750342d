//! [`IdJagVerifier`]: checks the ID-JAGs that an authorization server gets
//! (draft-ietf-oauth-identity-assertion-authz-grant sections 3.1 and 4.4.1).

use crate::{
    base::{
        json::{Extra, JsonError, Members},
        moment::Timestamp,
    },
    jose::{AlgorithmSet, Allowed, KeySet, Scratch},
    metadata::IssuerRule,
    token::{
        VerificationError,
        claims::{DEFAULT_LEEWAY, check_times, leeway_seconds},
        jwt::{MAX_TOKEN, Unverified, is_type},
    },
};
use serde_json::Value;
use std::{fmt, time::Duration};

/// Verifies ID-JAGs: the word of an identity provider for its user, which a client brings to this authorization server as
/// a JWT bearer grant. Make one for each identity provider that is trusted.
///
/// The authorization server itself authenticates the client, refuses an ID-JAG that it has seen before, and decides which
/// of the scopes it grants.
///
/// ```
/// use oidc_proto::{Timestamp, jose::KeySet, sender::{ReplayAnswer, ReplayKey, ReplayWindow}};
/// use oidc_proto::token::IdJagVerifier;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// # use oidc_proto::jose::{Algorithm, RingSigner, sign_compact};
/// # let key = br#"{"kty":"OKP","crv":"Ed25519","kid":"1","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
/// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// # let claims = br#"{"iss":"https://idp.example","sub":"alice","aud":"https://as.chat.example","jti":"9e43f81b",
/// #     "client_id":"f53f191f","resource":"https://api.chat.example/","scope":"chat.read","iat":1800000000,"exp":1800000300}"#;
/// # let header = serde_json::json!({"typ": "oauth-id-jag+jwt"}).as_object().cloned().unwrap_or_default();
/// # let assertion = sign_compact(&RingSigner::from_jwk(key, Some(Algorithm::EdDSA))?, header, claims)?;
/// let verifier = IdJagVerifier::new("https://idp.example", "https://as.chat.example");
/// let now = Timestamp(1_800_000_060);
///
/// // `assertion` is a parameter of the token request, and `f53f191f` is the client that has authenticated.
/// let verified = verifier.verify(&assertion, "f53f191f", &keys, now)?;
/// let once = ReplayKey::new("id-jag", &verified.iss, &[&verified.jti], verified.usable_until);
/// assert_eq!(ReplayWindow::new().first_use(once, now), ReplayAnswer::First);
/// assert_eq!((verified.sub.as_str(), verified.resource.as_slice()), ("alice", &["https://api.chat.example/".to_owned()][..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct IdJagVerifier {
    issuer: IssuerRule,
    audience: String,
    algorithms: Allowed,
    leeway: Duration,
    longest: usize,
}

/// The verified claims of an ID-JAG. `Debug` shows neither the identifier of the assertion nor the further claims.
///
/// ```
/// use oidc_proto::token::IdJagClaims;
///
/// /// Returns the scopes to grant: those that the identity provider allows, of those that this server knows.
/// fn granted<'k>(verified: &IdJagClaims, known: &[&'k str]) -> Vec<&'k str> {
///     known.iter().copied().filter(|scope| verified.scopes.iter().any(|allowed| allowed == scope)).collect()
/// }
/// # let _ = granted;
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct IdJagClaims {
    /// The identity provider.
    pub iss: String,
    /// The user, as the identity provider names them to this server.
    pub sub: String,
    /// The client, which is the one that has authenticated.
    pub client_id: String,
    /// The identifier of the assertion: accept it once.
    pub jti: String,
    /// The resources that the access token is to be for. Empty if the identity provider names none.
    pub resource: Vec<String>,
    /// The scopes that the identity provider allows.
    pub scopes: Vec<String>,
    /// When the assertion was issued.
    pub iat: Timestamp,
    /// When the assertion expires.
    pub exp: Timestamp,
    /// The last second in which [`verify`](IdJagVerifier::verify) could accept it: remember `jti` until then.
    pub usable_until: Timestamp,
    /// When the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The claims that have no field.
    pub extra: Extra,
}

impl fmt::Debug for IdJagClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdJagClaims")
            .field("iss", &self.iss)
            .field("sub", &self.sub)
            .field("client_id", &self.client_id)
            .field("resource", &self.resource)
            .field("scopes", &self.scopes)
            .field("iat", &self.iat)
            .field("exp", &self.exp)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl IdJagVerifier {
    /// Accepts the ID-JAGs of this identity provider for the authorization server with the issuer `audience`, signed with
    /// any algorithm of [`AlgorithmSet::DEFAULT`](crate::jose::AlgorithmSet::DEFAULT). The two are not the same: no server redeems its own ID-JAGs.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            audience: audience.into(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            longest: MAX_TOKEN,
        }
    }

    /// Accepts these signature algorithms only. A second call can only narrow the set.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far the clock of the identity provider may be ahead of ours or behind it. The default is
    /// [`DEFAULT_LEEWAY`](crate::token::DEFAULT_LEEWAY), the maximum [`MAX_LEEWAY`](crate::token::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Verifies an ID-JAG that the client `client_id` has brought, after that client has authenticated: its `typ`, issuer,
    /// audience, client, times and signature. This server must be its only audience.
    ///
    /// Accept each `jti` once: the fields [`jti`](IdJagClaims::jti) and [`usable_until`](IdJagClaims::usable_until) are
    /// for a [`ReplayKey`](crate::sender::ReplayKey).
    ///
    /// # Errors
    /// [`VerificationError`] names the rule that the assertion breaks: answer `invalid_grant`. An assertion that is bound
    /// to a key (`cnf`) is refused, because nothing here has checked a proof.
    pub fn verify(
        &self,
        assertion: &str,
        client_id: &str,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<IdJagClaims, VerificationError> {
        let mut scratch = Scratch::new();
        let typ_fits: fn(Option<&str>) -> bool =
            |typ| typ.is_some_and(|typ| is_type(typ, "oauth-id-jag+jwt"));
        let algorithms = self.algorithms.set();
        let unverified = Unverified::read(assertion, self.longest, &mut scratch, algorithms, typ_fits)?;
        let claims = &unverified.claims;
        let iss = present(claims.iss.as_deref(), "iss")?;
        // A server that redeemed its own ID-JAGs would widen what its clients may do (cross-domain use).
        if !self.issuer.fits(iss, unverified.payload) || iss == self.audience {
            return Err(VerificationError::Issuer);
        }
        let audience = claims.aud.ok_or(VerificationError::Missing("aud"))?;
        if !audience.contains(&self.audience) {
            return Err(VerificationError::Audience);
        }
        if !audience.all(|one| one == self.audience) {
            return Err(VerificationError::UntrustedAudience);
        }
        if present(claims.client_id.as_deref(), "client_id")? != client_id {
            return Err(VerificationError::Value("client_id"));
        }
        let (sub, jti) = (present(claims.sub.as_deref(), "sub")?, present(claims.jti.as_deref(), "jti")?);
        let exp = claims.exp.ok_or(VerificationError::Missing("exp"))?;
        let iat = claims.iat.ok_or(VerificationError::Missing("iat"))?;
        if claims.events {
            return Err(VerificationError::Value("events"));
        }
        if claims.cnf.is_some() {
            return Err(VerificationError::SenderConstrained);
        }
        if claims.scope_is_list {
            return Err(VerificationError::Value("scope"));
        }
        check_times(claims, self.leeway, now)?;
        unverified.check_signature(keys, algorithms, &self.issuer)?;
        let mut rest = Members::parse(unverified.payload).map_err(VerificationError::Claims)?;
        for name in ["iss", "sub", "aud", "client_id", "jti", "exp", "nbf", "iat", "scope", "auth_time"] {
            rest.any(name);
        }
        let resource = resource(rest.any("resource"))?;
        Ok(IdJagClaims {
            iss: iss.to_owned(),
            sub: sub.to_owned(),
            client_id: client_id.to_owned(),
            jti: jti.to_owned(),
            resource,
            scopes: claims
                .scope
                .iter()
                .flat_map(|scope| scope.split(' '))
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            iat,
            exp,
            usable_until: exp.plus(leeway_seconds(self.leeway)),
            auth_time: claims.auth_time,
            extra: rest.rest(),
        })
    }
}

fn present<'a>(claim: Option<&'a str>, name: &'static str) -> Result<&'a str, VerificationError> {
    claim.filter(|text| !text.is_empty()).ok_or(VerificationError::Missing(name))
}

/// Reads the resources: one, or an array of them.
fn resource(value: Option<Value>) -> Result<Vec<String>, VerificationError> {
    let expected = "a string or an array of strings";
    let wrong = VerificationError::Claims(JsonError::WrongType { member: "resource", expected });
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(several) => serde_json::from_value(several).map_err(|_| wrong),
    }
}
