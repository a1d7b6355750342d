//! [`Denied`]: why a request is refused, and the status and headers of the response (RFC 6750 section 3, RFC 9449
//! sections 7.1, 7.2 and 9, RFC 9470 section 3, RFC 9728 section 5.1). No other file makes challenges.

mod parameters;

use super::{
    credentials::{AuthenticationScheme, CredentialsError},
    record::{VerdictOutcome, VerdictRecord},
};
use crate::{
    base::sentence::{Remedy, debug_is_sentence},
    jose::JwsError,
    sender::ProofError,
    token::VerificationError,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::{fmt, sync::Arc, time::Duration};

pub(super) use parameters::is_quotable;
use parameters::{Builder, joined, scopes_to_name};

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The settings of the server that could change a verdict.
const SETTINGS: [(DenialReason, &str); 15] = {
    use DenialReason::{NoCredentials, NotJwt, Proof, Token, UntrustedIssuer};
    const WAIVED: &str = " (`AccessTokenVerifier::without_required_claim` does without it)";
    [
        (
            NoCredentials,
            " (`ResourceServerBuilder::accept_dpop` reads those of the scheme `DPoP`, `CredentialPolicy::with_form` and `CredentialPolicy::with_query` those in other places)",
        ),
        (
            UntrustedIssuer,
            " (`ResourceServerBuilder::trust` trusts more, and `AccessTokenVerifier::issuer_rule` is for an issuer whose tokens name another issuer than its metadata, or have a second name for it: `IssuerRule::or_exact`)",
        ),
        (NotJwt, " (`TrustedIssuer::introspects_opaque_tokens` has them introspected)"),
        (
            Token(VerificationError::Issuer),
            " (`AccessTokenVerifier::issuer_rule` accepts a template, another issuer than that of the metadata, or both: `IssuerRule::or_exact`)",
        ),
        (Token(VerificationError::Audience), " (`AccessTokenVerifier::or_audience` adds a name of this API)"),
        (
            Token(VerificationError::Missing("aud")),
            " (`AccessTokenVerifier::client_id_as_audience` takes `client_id` for it, `TrustedIssuer::introspects_jwts` asks the issuer, and `TrustedIssuer::introspects_without_audience` accepts the response of an issuer that checks it)",
        ),
        (
            Token(VerificationError::Missing("sub")),
            " (`AccessTokenVerifier::without_required_claim` does without it, and `TrustedIssuer::introspects_jwts` asks the issuer)",
        ),
        (Token(VerificationError::Missing("client_id")), WAIVED),
        (Token(VerificationError::Missing("iat")), WAIVED),
        (Token(VerificationError::Missing("jti")), WAIVED),
        (
            Token(VerificationError::IdTokenAsAccessToken),
            " (`AccessTokenVerifier::accept_nonce` is for a provider that puts a `nonce` into access tokens, and `AccessTokenVerifier::nbf_marks_access_tokens` for one whose access tokens without scopes differ by `nbf` alone)",
        ),
        (
            Token(VerificationError::Type),
            " (`AccessTokenVerifier::accept_plain_jwt` accepts tokens that do not name their kind)",
        ),
        (
            Token(VerificationError::Jws(JwsError::AlgorithmNotAllowed)),
            " (`AccessTokenVerifier::algorithms` names those that are allowed)",
        ),
        (
            Token(VerificationError::SenderConstrained),
            " (`ResourceServerBuilder::accept_dpop` and `accept_certificate_bound` let bound tokens in)",
        ),
        (
            Proof(ProofError::Jws(JwsError::AlgorithmNotAllowed)),
            " (`DpopVerifier::algorithms` names those that are allowed)",
        ),
    ]
};

/// The reason why a request is refused. A [`Denied`] has one. It is `Copy` and holds nothing of the request, so it is safe to log.
///
/// ```
/// use oidc_proto::resource::DenialReason;
///
/// /// A hint for the page of a developer portal.
/// fn hint(reason: DenialReason) -> &'static str {
///     match reason {
///         DenialReason::NoCredentials => "send an access token in the header `Authorization: Bearer …`",
///         DenialReason::Token(_) => "ask for a new access token",
///         DenialReason::Scope | DenialReason::Privilege => "this token does not allow that",
///         _ => "see the header `WWW-Authenticate`",
///     }
/// }
///
/// assert_eq!(hint(DenialReason::Scope), "this token does not allow that");
/// assert_eq!(DenialReason::Scope.status(), 403);
/// assert_eq!(DenialReason::Scope.error(), Some("insufficient_scope")); // In the challenge.
/// assert_eq!(DenialReason::Scope.code(), "access_scope"); // For logs and metrics.
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// The request has no access token, or one in a scheme that this API does not accept.
    NoCredentials,
    /// The access token cannot be read from the request.
    BadRequest(CredentialsError),
    /// The access token is not accepted.
    Token(VerificationError),
    /// The access token is of an issuer that signs with what this library lacks, as its key set shows: an algorithm, or
    /// a type, curve or size of keys. The client can do nothing about it, so the response is 500, and no challenge.
    Unsupported(VerificationError),
    /// The access token names an issuer that is not trusted.
    UntrustedIssuer,
    /// The access token is not a JWT, and no issuer is set to introspect it.
    NotJwt,
    /// The issuer says that the access token is not active (RFC 7662 section 2.2).
    Inactive,
    /// This API demands a DPoP proof, but the token came as a bearer token.
    ProofRequired,
    /// The DPoP proof is not accepted.
    Proof(ProofError),
    /// The access token lacks a scope.
    Scope,
    /// The access token lacks a role, or another privilege.
    Privilege,
    /// The party that acts for the subject (`act`) is not one that this request allows.
    Actor,
    /// The user's authentication is not of a demanded class, or is too long ago.
    Authentication,
    /// The request cannot be judged now: the keys are missing, the issuer does not answer, or there is no room to
    /// remember a proof.
    Unavailable,
}

debug_is_sentence!(DenialReason);

/// The sentence for clients, who know nothing of the settings of this server.
struct Described(DenialReason);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DenialReason::NoCredentials => f.write_str("the request has no access token"),
            DenialReason::BadRequest(why) => why.fmt(f),
            DenialReason::Token(why) => write!(f, "the access token is refused: {why}"),
            DenialReason::Unsupported(why) => write!(
                f,
                "this resource cannot verify the access token: {why}; the issuer must sign with another algorithm, such as ES256"
            ),
            DenialReason::UntrustedIssuer => {
                f.write_str("the access token is of an issuer that this resource does not trust")
            }
            DenialReason::NotJwt => {
                f.write_str("the access token is not a signed JWT, and this resource accepts no others")
            }
            DenialReason::Inactive => f.write_str("the access token is not active, says its issuer"),
            DenialReason::ProofRequired => {
                f.write_str("the access token must come with a DPoP proof, and came as a bearer token")
            }
            DenialReason::Proof(why) => why.fmt(f),
            DenialReason::Scope => f.write_str("the access token lacks a scope that this request needs"),
            DenialReason::Privilege => {
                f.write_str("the access token lacks a privilege that this request needs")
            }
            DenialReason::Actor => f.write_str(
                "this request does not allow the party that acts for the subject of the access token",
            ),
            DenialReason::Authentication => {
                f.write_str("the request needs another or a more recent authentication of the user")
            }
            DenialReason::Unavailable => {
                f.write_str("the resource cannot verify access tokens at the moment")
            }
        }
    }
}

/// The sentence of the challenge; behind it, for those who run the server, the setting that would change the verdict.
impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Described(*self), self.setting())
    }
}

impl std::error::Error for DenialReason {}

impl DenialReason {
    /// Returns a short, stable name of the broken rule, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoCredentials => "credentials_missing",
            Self::BadRequest(why) => why.code(),
            Self::Token(why) | Self::Unsupported(why) => why.code(),
            Self::UntrustedIssuer => "token_untrusted_issuer",
            Self::NotJwt => "token_not_jwt",
            Self::Inactive => "token_inactive",
            Self::ProofRequired => "proof_required",
            Self::Proof(why) => why.code(),
            Self::Scope => "access_scope",
            Self::Privilege => "access_privilege",
            Self::Actor => "access_actor",
            Self::Authentication => "access_authentication",
            Self::Unavailable => "unavailable",
        }
    }

    /// What a server would set, so that the verdict may be another.
    fn setting(self) -> &'static str {
        SETTINGS.iter().find(|(reason, _)| *reason == self).map_or("", |(_, setting)| setting)
    }

    /// Returns the error code of the challenge. `None` if the client sent no token (RFC 6750 section 3.1), or if the
    /// refusal is not the client's fault.
    #[must_use]
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::NoCredentials | Self::Unavailable | Self::Unsupported(_) => None,
            Self::BadRequest(_) => Some("invalid_request"),
            Self::Token(_) | Self::UntrustedIssuer | Self::NotJwt | Self::Inactive | Self::ProofRequired => {
                Some("invalid_token")
            }
            Self::Proof(ProofError::Nonce) => Some("use_dpop_nonce"),
            Self::Proof(_) => Some("invalid_dpop_proof"),
            Self::Scope | Self::Privilege | Self::Actor => Some("insufficient_scope"),
            Self::Authentication => Some("insufficient_user_authentication"),
        }
    }

    /// Returns the refusal of an access token: [`Unsupported`](Self::Unsupported) if the issuer publishes the key that
    /// the token names and this library cannot use it, and otherwise [`Token`](Self::Token).
    #[must_use]
    pub const fn of_token(why: VerificationError) -> Self {
        let of_issuer = matches!(why, VerificationError::Jws(JwsError::KeySetAside(_)));
        if of_issuer && why.is_unsupported() { Self::Unsupported(why) } else { Self::Token(why) }
    }

    /// Returns who can do what about the refusal. It is [`RequestAtFault`](Remedy::RequestAtFault) unless the fault is on
    /// this side: then a server may log it louder.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Unavailable => Remedy::TryLater { after: None },
            Self::Unsupported(_) => Remedy::FixConfiguration,
            Self::NoCredentials
            | Self::BadRequest(_)
            | Self::Token(_)
            | Self::UntrustedIssuer
            | Self::NotJwt
            | Self::Inactive
            | Self::ProofRequired
            | Self::Proof(_)
            | Self::Scope
            | Self::Privilege
            | Self::Actor
            | Self::Authentication => Remedy::RequestAtFault,
        }
    }

    /// Returns the status of the response: 400, 401, 403, 500 or 503.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unsupported(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Scope | Self::Privilege | Self::Actor => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoCredentials
            | Self::Token(_)
            | Self::UntrustedIssuer
            | Self::NotJwt
            | Self::Inactive
            | Self::ProofRequired
            | Self::Proof(_)
            | Self::Authentication => StatusCode::UNAUTHORIZED,
        }
    }
}

/// The parts that all challenges of one resource server share.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenges {
    pub(super) realm: String,
    pub(super) resource_metadata: Option<String>,
    pub(super) bearer: bool,
    /// The algorithms for proofs. `None` if proofs are not accepted.
    pub(super) dpop: Option<String>,
    /// The scopes to name where nothing else decides on them.
    pub(super) scope: Option<String>,
    /// Whether all challenges of a response are in one line.
    pub(super) in_one_line: bool,
    /// Whether the resource is an MCP server, which does not name `offline_access`.
    pub(super) mcp: bool,
}

/// The parts of one challenge, besides the shared ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) scope: Option<String>,
    pub(super) acr_values: Option<String>,
    pub(super) max_age: Option<u32>,
    pub(super) nonce: Option<String>,
    pub(super) retry_after: Option<u32>,
}

/// The refusal of a request: everything that the response and the log need.
///
/// ```
/// use oidc_proto::{
///     resource::{Denied, RequestView, ResourceServer, TrustedIssuer},
///     token::Scratch,
/// };
///
/// fn respond(denied: &Denied) -> http::Response<String> {
///     let mut response = http::Response::new(String::new());
///     *response.status_mut() = denied.status();
///     *response.headers_mut() = denied.headers(); // With the challenge.
///     response
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let (head, ()) = http::Request::get("/orders").body(())?.into_parts();
/// let Err(denied) = api.inspect(&RequestView::of(&head), &mut Scratch::new()) else { return Err("there is no token".into()) };
///
/// let response = respond(&denied);
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="https://api.example""#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Denied {
    reason: DenialReason,
    about: Arc<Challenges>,
    details: Box<Details>,
    record: Box<VerdictRecord>,
}

/// The text of the reason, for those who run the server. After it, the audience or the issuer that was expected, and the
/// audience that a genuine token has. The challenge has neither.
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        match (&self.record.expected, &self.record.found) {
            (Some(expected), Some(found)) => {
                write!(f, "; this server expects `{expected}`, and the token has `{found}`")
            }
            (Some(expected), None) => write!(f, "; this server expects `{expected}`"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Denied {}

impl Denied {
    pub(super) fn new(reason: DenialReason, about: &Arc<Challenges>, mut record: VerdictRecord) -> Self {
        record.outcome = VerdictOutcome::Denied;
        record.clause = reason.code();
        record.error = reason.error();
        record.status = Some(reason.status().as_u16());
        Self { reason, about: Arc::clone(about), details: Box::default(), record: Box::new(record) }
    }

    pub(super) fn detailed(mut self, details: Details) -> Self {
        *self.details = details;
        self
    }

    /// Returns the reason of the refusal.
    #[must_use]
    pub const fn reason(&self) -> DenialReason {
        self.reason
    }

    /// Whether the request simply has no access token. A route that does not demand one may then go on without it.
    /// Every other refusal must stop the request.
    #[must_use]
    pub const fn is_missing_credentials(&self) -> bool {
        matches!(self.reason, DenialReason::NoCredentials)
    }

    /// Returns a short, stable name of the broken rule, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// Returns who can do what about the refusal, and when the client may try again.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self.details.retry_after {
            Some(seconds) => Remedy::TryLater { after: Some(Duration::from_secs(seconds.into())) },
            None => self.reason.remedy(),
        }
    }

    /// Returns the status of the response: 400, 401, 403, 500 or 503.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// Returns the record of this refusal, for logs and metrics.
    #[must_use]
    pub const fn record(&self) -> &VerdictRecord {
        &self.record
    }

    /// Names these scopes in the challenge, besides those that it names already.
    pub(super) fn and_scope(mut self, scope: Option<String>) -> Self {
        self.details.scope = joined(self.details.scope.take(), scope);
        self
    }

    /// Returns the headers of the response: the challenges (`WWW-Authenticate`), a nonce (`DPoP-Nonce`), and when to
    /// try again (`Retry-After`). They are made of settings and constants. Nothing of the request is in them but
    /// the number of seconds by which a time is off.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        };
        if let Some(seconds) = self.details.retry_after {
            add(header::RETRY_AFTER, &seconds.to_string());
        }
        if matches!(self.reason, DenialReason::Unavailable | DenialReason::Unsupported(_)) {
            return headers;
        }
        let challenges: Vec<_> = self.challenges().collect();
        match self.about.in_one_line {
            true => add(header::WWW_AUTHENTICATE, &challenges.join(", ")),
            false => challenges.iter().for_each(|challenge| add(header::WWW_AUTHENTICATE, challenge)),
        }
        if let Some(nonce) = &self.details.nonce {
            add(DPOP_NONCE, nonce);
            // RFC 9449 section 8.2: a stored response would give clients a stale nonce.
            add(header::CACHE_CONTROL, "no-store");
        }
        headers
    }

    /// Returns the value of each `WWW-Authenticate` header. The one with the error is first.
    fn challenges(&self) -> impl Iterator<Item = String> {
        let presented = self.record.scheme;
        let accepted = [
            self.about.bearer.then_some((AuthenticationScheme::Bearer, None)),
            self.about.dpop.as_deref().map(|algorithms| (AuthenticationScheme::Dpop, Some(algorithms))),
        ];
        let mut accepted: Vec<_> = accepted.into_iter().flatten().collect();
        accepted.sort_by_key(|(scheme, _)| Some(*scheme) != presented);
        // RFC 9449 section 7.2: the error goes to the scheme of the request. If that scheme is unknown or not accepted,
        // the error goes to all.
        let unclear = accepted.iter().all(|(scheme, _)| Some(*scheme) != presented);
        accepted.into_iter().map(move |(scheme, algorithms)| {
            let blamed = unclear || Some(scheme) == presented;
            self.challenge(scheme, algorithms, blamed)
        })
    }

    fn challenge(&self, scheme: AuthenticationScheme, algorithms: Option<&str>, blamed: bool) -> String {
        let mut challenge = Builder::new(scheme);
        challenge.add("realm", Some(&self.about.realm));
        if let Some(error) = self.reason.error().filter(|_| blamed) {
            challenge.add("error", Some(error));
            challenge.add("error_description", Some(&Described(self.reason).to_string()));
        }
        let scope = self.details.scope.as_deref().or(self.about.scope.as_deref());
        challenge.add("scope", scope.and_then(|scope| scopes_to_name(scope, self.about.mcp)).as_deref());
        challenge.add("acr_values", self.details.acr_values.as_deref());
        challenge.add("max_age", self.details.max_age.map(|seconds| seconds.to_string()).as_deref());
        challenge.add("algs", algorithms);
        challenge.add("resource_metadata", self.about.resource_metadata.as_deref());
        challenge.text
    }
}

/// The sentence, and the line of the log.
impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.record)
    }
}

#[cfg(test)]
#[path = "tests/challenge_tests.rs"]
mod tests;
