//! [`Claims`]: the registered claims of a JWT (RFC 7519 section 4, OpenID Connect Core 1.0 section 2, RFC 9068 section
//! 2.2), and the check of their times.

mod acting;

pub(crate) use acting::Acting;

use super::{audience::Audience, binding::Confirmation};
use crate::{
    base::moment::{Timestamp, whole_seconds},
    message::Actor,
    token::VerificationError,
};
use std::{borrow::Cow, fmt, time::Duration};

/// The registered claims of a token. `null` counts as absent. A claim of the wrong type is an error and never counts as
/// absent, but for `auth_time`, `acr`, `amr` and `sid`: they are set aside, and are absent where something demands them.
///
/// ```
/// use oidc_proto::token::Claims;
///
/// /// A name for logs: the user, or the client that acts for itself.
/// fn caller<'a>(claims: &'a Claims<'_>) -> Option<&'a str> {
///     claims.sub.as_deref().or(claims.client_id.as_deref())
/// }
///
/// // A program gets them from `VerifiedAccessToken::claims`; a test can make its own:
/// let mut claims = Claims::default();
/// claims.client_id = Some("batch-job".into());
/// assert_eq!(caller(&claims), Some("batch-job"));
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Claims<'a> {
    /// The issuer.
    pub iss: Option<Cow<'a, str>>,
    /// The subject: the user, or the client that acts for itself.
    pub sub: Option<Cow<'a, str>>,
    /// The audiences: the clients or APIs for which the token is meant.
    pub aud: Option<Audience<'a>>,
    /// The time at which the token expires, in seconds since the Unix epoch, rounded down.
    pub exp: Option<Timestamp>,
    /// The time at which the token becomes valid.
    pub nbf: Option<Timestamp>,
    /// The time at which the token was issued.
    pub iat: Option<Timestamp>,
    /// The identifier of the token.
    pub jti: Option<Cow<'a, str>>,
    /// The client to which the token was issued (the authorized party).
    pub azp: Option<Cow<'a, str>>,
    /// The nonce of the authorization request.
    pub nonce: Option<Cow<'a, str>>,
    /// The time at which the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of the authentication.
    pub acr: Option<Cow<'a, str>>,
    /// The methods of the authentication.
    pub amr: Option<Audience<'a>>,
    /// The hash of the access token.
    pub at_hash: Option<Cow<'a, str>>,
    /// The hash of the code.
    pub c_hash: Option<Cow<'a, str>>,
    /// The hash of the state.
    pub s_hash: Option<Cow<'a, str>>,
    /// The session of the user at the provider.
    pub sid: Option<Cow<'a, str>>,
    /// The client to which an access token was issued (RFC 9068 section 2.2).
    pub client_id: Option<Cow<'a, str>>,
    /// The scopes in one string, separated by spaces (RFC 8693 section 4.2). `None` if the token has them in another
    /// form: [`VerifiedAccessToken::scopes`](crate::token::VerifiedAccessToken::scopes) reads every form.
    pub scope: Option<Cow<'a, str>>,
    /// Whether `scope` is an array of strings.
    pub(crate) scope_is_list: bool,
    /// The claim `scp`: a string or an array of strings.
    pub(crate) scp: Option<Audience<'a>>,
    /// Whether the token has `events` (RFC 8417). Then it is a logout token or another security event, and grants
    /// nothing.
    pub events: bool,
    /// The keys to which the token is bound (RFC 7800).
    pub cnf: Option<Confirmation<'a>>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    pub(crate) act: Option<Acting<'a>>,
    /// The claims that were set aside, because nothing but a check needs their type.
    pub(crate) odd: Odd,
}

/// The claims that are of another type than they should be.
#[derive(Clone, Copy, Default)]
pub(crate) struct Odd {
    pub(in crate::token) auth_time: bool,
    pub(in crate::token) acr: bool,
    pub(in crate::token) amr: bool,
    pub(in crate::token) sid: bool,
}

/// Shows issuer, subject, audience, client, scope and times. It leaves out every claim that ties the token to a request
/// or a session.
impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iss", &self.iss)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("exp", &self.exp)
            .field("nbf", &self.nbf)
            .field("iat", &self.iat)
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The default leeway: how far the clocks of issuer and verifier may differ, 30 seconds.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// The largest number of parties that a token may name in its `act`, one within the other (RFC 8693 section 4.1), unless
/// a verifier sets another limit.
pub const MAX_ACTORS: u8 = 8;

/// The largest number of actors that a verifier accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActorLimit(pub(crate) u8);

impl ActorLimit {
    /// Checks how many actors there are, and that no name of theirs hides anything.
    pub(in crate::token) fn check(self, act: Option<Acting<'_>>) -> Result<(), VerificationError> {
        let Some(act) = act else { return Ok(()) };
        self.count(act.count().into())?;
        if act.is_visible() { Ok(()) } else { Err(VerificationError::Value("act")) }
    }

    /// Checks the actors of an introspection response.
    pub(crate) fn check_actor(self, actor: Option<&Actor>) -> Result<(), VerificationError> {
        let Some(actor) = actor else { return Ok(()) };
        self.count(actor.count())?;
        if actor.is_visible() { Ok(()) } else { Err(VerificationError::Value("act")) }
    }

    fn count(self, actors: usize) -> Result<(), VerificationError> {
        let Self(limit) = self;
        if actors > limit.into() { Err(VerificationError::TooManyActors { limit }) } else { Ok(()) }
    }
}

/// The maximum leeway: ten minutes. A larger setting counts as this one.
pub const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// Returns a leeway in seconds, [`MAX_LEEWAY`] at most.
pub(crate) const fn leeway_seconds(leeway: Duration) -> i64 {
    let (seconds, most) = (whole_seconds(leeway), whole_seconds(MAX_LEEWAY));
    if seconds < most { seconds } else { most }
}

/// Checks the times of a token (RFC 7519 sections 4.1.4 to 4.1.6). The leeway always helps the token: it expires later
/// and becomes valid earlier.
pub(crate) fn check_times(
    claims: &Claims<'_>,
    leeway: Duration,
    now: Timestamp,
) -> Result<(), VerificationError> {
    let seconds = leeway_seconds(leeway);
    let (earliest, latest) = (now.plus(-seconds), now.plus(seconds));
    let leeway = Duration::from_secs(seconds.unsigned_abs());
    if let Some(exp) = claims.exp.filter(|exp| *exp <= earliest) {
        return Err(VerificationError::Expired { ago: exp.until(now), leeway });
    }
    if let Some(nbf) = claims.nbf.filter(|nbf| *nbf > latest) {
        return Err(VerificationError::NotYetValid { ahead: now.until(nbf), leeway });
    }
    if let Some(iat) = claims.iat.filter(|iat| *iat > latest) {
        return Err(VerificationError::IssuedInFuture { ahead: now.until(iat), leeway });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leeway_is_exact_at_both_ends_and_only_ever_lenient() {
        let verdict = |exp, nbf, iat, leeway| {
            let [exp, nbf, iat] = [exp, nbf, iat].map(Timestamp);
            let claims = Claims { exp: Some(exp), nbf: Some(nbf), iat: Some(iat), ..Claims::default() };
            check_times(&claims, Duration::from_secs(leeway), Timestamp(1000))
        };
        assert_eq!(verdict(1001, 1000, 1000, 0), Ok(()));
        assert_eq!(
            verdict(1000, 1000, 1000, 0),
            Err(VerificationError::Expired { ago: Duration::from_secs(0), leeway: Duration::from_secs(0) }),
            "a token is expired from `exp` on"
        );
        assert_eq!(verdict(971, 1030, 1030, 30), Ok(()));
        assert_eq!(
            verdict(970, 1000, 1000, 30),
            Err(VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) })
        );
        assert_eq!(
            verdict(1001, 1031, 1000, 30),
            Err(VerificationError::NotYetValid {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30)
            })
        );
        assert_eq!(
            verdict(1001, 1000, 1031, 30),
            Err(VerificationError::IssuedInFuture {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30)
            })
        );
        assert_eq!(
            verdict(400, 0, 0, u64::MAX),
            Err(VerificationError::Expired {
                ago: Duration::from_secs(600),
                leeway: Duration::from_secs(600)
            }),
            "leeway has a ceiling"
        );
    }
}
