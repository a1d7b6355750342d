//! The steps of a [`ResourceServer`]: it inspects a request, then judges it with the keys of the issuer or with the
//! introspection response of the issuer.

use super::{
    access::Access,
    challenge::{DenialReason, Denied, Details},
    credentials::{AuthenticationScheme, Carried},
    issuer::Trusted,
    record::VerdictRecord,
    request::{Findings, Found, Inspected, Known, RequestView},
    rights::{HeldClaims, Piece, Rights, scopes},
    server::{CertificateBinding, Dpop, ResourceServer},
    verdict::{ReplayCheck, Verdict},
};
use crate::{
    base::{
        base64url,
        json::{Extra, JsonError},
        moment::Timestamp,
        visible::all_visible,
    },
    jose::{AlgorithmSet, JwsError, KeySet, UnusableKey, verify_compact},
    message::{Actor, IntrospectionResponse},
    sender::{DpopProof, ProofError, UncheckedProof},
    token::{
        Claims, Confirmation, Given, List, Possession, Scratch, SignatureMemory, VerificationError,
        check_times, leeway_seconds,
    },
};
use http::Method;
use std::sync::Arc;

impl ResourceServer {
    /// Takes the access token from a request and finds its issuer among the trusted ones. Nothing is verified yet. The
    /// issuer that the token names is used only for this search. A token of another issuer is refused here, before the
    /// program could fetch anything from it.
    ///
    /// The token is read here, once: [`judge`](Self::judge) goes on with what was read. `scratch` is memory to reuse.
    ///
    /// # Errors
    /// [`Denied`] if there is no token, it is malformed, or its issuer is not trusted.
    pub fn inspect<'r>(
        &self,
        request: &RequestView<'r>,
        scratch: &mut Scratch,
    ) -> Result<Inspected<'r>, Denied> {
        self.inspect_with(request, None, scratch)
    }

    /// Inspects like [`inspect`](Self::inspect), with the same result, but does not read a token that the cache knows.
    /// [`judge_cached`](Self::judge_cached) should follow.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn inspect_cached<'r>(
        &self,
        request: &RequestView<'r>,
        cache: &mut dyn SignatureMemory,
        scratch: &mut Scratch,
    ) -> Result<Inspected<'r>, Denied> {
        self.inspect_with(request, Some(cache), scratch)
    }

    fn inspect_with<'r>(
        &self,
        request: &RequestView<'r>,
        cache: Option<&mut dyn SignatureMemory>,
        scratch: &mut Scratch,
    ) -> Result<Inspected<'r>, Denied> {
        let settings = &*self.settings;
        // RFC 6750 section 2.2: a body counts only where the method gives it a meaning.
        let bodiless =
            matches!(*request.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let form = request.form.filter(|_| !bodiless);
        let taken = Carried::take(request.headers, request.uri.query(), form, &settings.credentials)
            .map_err(|why| self.denied(DenialReason::BadRequest(why), VerdictRecord::default()))?;
        let credentials = match (taken, &settings.dpop) {
            (Some(Carried { scheme: AuthenticationScheme::Dpop, .. }), Dpop::Off) | (None, _) => {
                return Err(self.denied(DenialReason::NoCredentials, VerdictRecord::default()));
            }
            (Some(credentials), _) => credentials,
        };
        let record = VerdictRecord { scheme: Some(credentials.scheme), ..VerdictRecord::default() };
        if credentials.scheme == AuthenticationScheme::Bearer && matches!(settings.dpop, Dpop::Required(_)) {
            return Err(self.denied(DenialReason::ProofRequired, record));
        }
        let mut record = record;
        let found = match Known::find(credentials.token.expose(), cache, scratch) {
            None => settings.introspects_opaque().map(|issuer| (issuer, None)).ok_or(DenialReason::NotJwt),
            Some(Err(why)) => Err(DenialReason::Token(why)),
            Some(Ok(known)) => match known.read().issuer().map(|issuer| settings.find(issuer)) {
                None => Err(DenialReason::Token(VerificationError::Missing("iss"))),
                Some(Some(issuer)) => Ok((issuer, Some(known))),
                Some(None) => {
                    record.expects(settings.issuers.iter().flat_map(|trusted| trusted.rule().names()));
                    Err(DenialReason::UntrustedIssuer)
                }
            },
        };
        let (issuer, read) = found.map_err(|reason| self.denied(reason, record))?;
        let trusted = settings.issuer(issuer);
        let name = trusted.map_or_else(Arc::default, |trusted| Arc::clone(&trusted.name));
        let read = read.filter(|_| !trusted.is_some_and(|trusted| trusted.introspects_jwts));
        Ok(Inspected { request: *request, found: Found { credentials, issuer, name, read } })
    }

    /// Joins findings with their request again, after [`Inspected::into_findings`]. If the `Authorization` header has
    /// the same token, nothing is read again. If it has another one, the request is inspected anew.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn resume<'r>(
        &self,
        findings: Findings,
        request: &RequestView<'r>,
        scratch: &mut Scratch,
    ) -> Result<Inspected<'r>, Denied> {
        let Findings(found) = findings;
        match found.are_of(request.headers) {
            true => Ok(Inspected { request: *request, found }),
            false => self.inspect(request, scratch),
        }
    }

    /// Judges a request whose token is a JWT, with the keys of its issuer.
    pub fn judge(
        &self,
        inspected: &Inspected<'_>,
        keys: &KeySet,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Verdict {
        or_newer_keys(self.judge_jwt(inspected, keys, None, scratch, now))
    }

    /// Judges like [`judge`](Self::judge), with the same verdict, but skips the signature check of a token that the
    /// cache knows.
    pub fn judge_cached(
        &self,
        inspected: &Inspected<'_>,
        keys: &KeySet,
        cache: &mut dyn SignatureMemory,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Verdict {
        or_newer_keys(self.judge_jwt(inspected, keys, Some(cache), scratch, now))
    }

    /// Judges a request with the introspection response of its issuer (RFC 7662).
    pub fn judge_introspected(
        &self,
        inspected: &Inspected<'_>,
        said: &IntrospectionResponse,
        now: Timestamp,
    ) -> Verdict {
        self.judge_said(inspected, said, now).unwrap_or_else(Verdict::Denied)
    }

    /// Returns the refusal for an unreadable introspection response: 401, because nothing shows that the token is
    /// valid.
    pub fn unreadable(&self, inspected: &Inspected<'_>, why: JsonError) -> Denied {
        let denied = |_| self.denied(DenialReason::Token(VerificationError::Claims(why)), record(inspected));
        self.trusted(inspected).map_or_else(|denied| denied, denied)
    }

    fn judge_jwt(
        &self,
        inspected: &Inspected<'_>,
        keys: &KeySet,
        cache: Option<&mut dyn SignatureMemory>,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Result<Verdict, Denied> {
        let trusted = self.trusted(inspected)?;
        let mut record = record(inspected);
        let Some(known) = &inspected.found.read else {
            return Err(self.denied(DenialReason::NotJwt, record));
        };
        let proof = self.read_proof(inspected, now)?;
        let (token, shown) =
            (inspected.found.credentials.token.expose(), self.shown(inspected, proof.as_ref()));
        let (read, verifier) = (known.read(), &trusted.verifier);
        let given = Given { token, read: Some(read) };
        let verified = match cache {
            None => verifier.verify_with_key(given, keys, scratch, now, shown),
            Some(cache) => match known.key(token, cache, keys) {
                Some(key) => verifier.verify_known(token, (read, read.text()), key, now, shown),
                None => verifier.verify_to_remember(given, keys, cache, scratch, now, shown),
            },
        };
        let (verified, key) = verified.map_err(|why| {
            let mut record = record.clone();
            if why == VerificationError::Audience {
                record.expects(verifier.audiences());
                // Only what the issuer itself has written is shown.
                let found = verifier.other_audience(token, keys, now, shown);
                record.finds(token, found.iter().flatten().map(String::as_str));
            }
            self.denied(blame(why, token, keys), record)
        })?;
        let claims = verified.claims();
        record.key = key.shared_thumbprint();
        // With a template, each tenant is an issuer of its own.
        let issuer = claims.iss.as_deref().unwrap_or(trusted.name());
        record.subject = self.pseudonym(issuer, claims.sub.as_deref());
        let actor = verified.actor().map(Arc::new);
        record.actor = self.pseudonym_of(issuer, actor.as_deref());
        self.check_certificate(claims.cnf.as_ref(), &record)?;
        let proof = self.check_proof(proof, &record)?;
        let text = read.text();
        let piece = |text_of: Option<&str>| text_of.map(|part| Piece::of(part, text));
        let rights = Rights {
            issuer: Piece::of(issuer, text),
            subject: piece(claims.sub.as_deref()),
            client_id: piece(verified.client_id()),
            actor,
            scopes: verified.kept_scopes(text),
            audience: List::of(claims.aud, text),
            expires: claims.exp,
            key: piece(claims.cnf.as_ref().and_then(|bound| bound.jkt.as_deref())),
            certificate: piece(claims.cnf.as_ref().and_then(|bound| bound.x5t_s256.as_deref())),
            auth_time: claims.auth_time,
            acr: piece(claims.acr.as_deref()),
            claims: HeldClaims::of_token(Arc::clone(text), read.payload()),
        };
        Ok(accept(self.access(inspected, trusted, rights, record), proof))
    }

    fn judge_said(
        &self,
        inspected: &Inspected<'_>,
        said: &IntrospectionResponse,
        now: Timestamp,
    ) -> Result<Verdict, Denied> {
        let trusted = self.trusted(inspected)?;
        let mut record = record(inspected);
        let denied = |reason| self.denied(reason, record.clone());
        if !said.active {
            return Err(denied(DenialReason::Inactive));
        }
        let proof = self.read_proof(inspected, now)?;
        let shown = self.shown(inspected, proof.as_ref());
        let (members, bound, actor) = (said.members(), bound(said), said.actor().map(Arc::new));
        let limit = trusted.verifier.actor_limit();
        let issuer = introspected(said, &members, trusted, inspected.found.credentials.scheme, now)
            .and_then(|issuer| limit.check_actor(actor.as_deref()).map(|()| issuer))
            .and_then(|issuer| shown.satisfies(bound.as_ref()).map(|()| issuer))
            .map_err(|why| {
                let mut record = record.clone();
                if why == VerificationError::Audience {
                    let token = inspected.found.credentials.token.expose();
                    let found = said.aud.iter().map(String::as_str);
                    record.expects(trusted.verifier.audiences());
                    record.finds(token, found);
                }
                self.denied(DenialReason::Token(why), record)
            })?;
        record.subject = self.pseudonym(issuer, said.sub.as_deref());
        record.actor = self.pseudonym_of(issuer, actor.as_deref());
        let issuer = if issuer == trusted.name() { Arc::clone(&trusted.name) } else { issuer.into() };
        self.check_certificate(bound.as_ref(), &record)?;
        let proof = self.check_proof(proof, &record)?;
        let own = |text: Option<&str>| text.map(|text| Piece::Own(text.into()));
        let rights = Rights {
            issuer: Piece::Own(issuer),
            subject: own(said.sub.as_deref()),
            client_id: own(said.client_id.as_deref()),
            actor,
            scopes: List::Own(scopes(&members, trusted.verifier.scopes_in())),
            audience: List::Own(said.aud.clone()),
            expires: said.exp,
            key: own(bound.as_ref().and_then(|bound| bound.jkt.as_deref())),
            certificate: own(bound.as_ref().and_then(|bound| bound.x5t_s256.as_deref())),
            auth_time: said.auth_time,
            acr: own(said.acr.as_deref()),
            claims: HeldClaims::of_response(members),
        };
        Ok(accept(self.access(inspected, trusted, rights, record), proof))
    }

    /// Returns the trusted issuer of an inspected request. It fails only if another resource server inspected the
    /// request.
    fn trusted(&self, inspected: &Inspected<'_>) -> Result<&Trusted, Denied> {
        self.settings
            .issuer(inspected.found.issuer)
            .filter(|trusted| trusted.name == inspected.found.name)
            .ok_or_else(|| self.denied(DenialReason::UntrustedIssuer, VerdictRecord::default()))
    }

    /// Reads the proof of a request in the DPoP scheme, and runs every check except those of its key and its signature.
    fn read_proof(
        &self,
        inspected: &Inspected<'_>,
        now: Timestamp,
    ) -> Result<Option<UncheckedProof>, Denied> {
        if inspected.found.credentials.scheme == AuthenticationScheme::Bearer {
            // Another server, which demands less, may have inspected the request.
            return match self.settings.dpop {
                Dpop::Required(_) => Err(self.denied(DenialReason::ProofRequired, record(inspected))),
                Dpop::Off | Dpop::Accepted(_) => Ok(None),
            };
        }
        let request = &inspected.request;
        let verifier = self
            .settings
            .dpop
            .verifier()
            .ok_or_else(|| self.denied(DenialReason::NoCredentials, VerdictRecord::default()))?;
        let url = format!("{}{}", request.origin.unwrap_or(&self.settings.origin), request.uri.path());
        let token = Some(inspected.found.credentials.token.expose());
        verifier.read(request.headers, request.method, &url, token, now).map(Some).map_err(|why| {
            let nonce = if why == ProofError::Nonce { verifier.nonce(now) } else { None };
            let details = Details { nonce, ..Details::default() };
            self.denied(DenialReason::Proof(why), record(inspected)).detailed(details)
        })
    }

    /// Runs the last checks of a proof: its key and its signature.
    fn check_proof(
        &self,
        proof: Option<UncheckedProof>,
        record: &VerdictRecord,
    ) -> Result<Option<DpopProof>, Denied> {
        proof
            .map(UncheckedProof::check_signature)
            .transpose()
            .map_err(|why| self.denied(DenialReason::Proof(why), record.clone()))
    }

    /// Returns the keys that the sender shows. The signature of the proof is checked later, before the request is
    /// accepted.
    fn shown<'i>(&self, inspected: &'i Inspected<'_>, proof: Option<&'i UncheckedProof>) -> Possession<'i> {
        let mut shown = Possession::none();
        if let Some(proof) = proof {
            shown = shown.key(proof.jkt());
        }
        match (inspected.request.certificate, self.settings.certificate) {
            (Some(certificate), CertificateBinding::Accepted | CertificateBinding::Required) => {
                shown.certificate(certificate.as_str())
            }
            (Some(_), CertificateBinding::Off) | (None, _) => shown,
        }
    }

    fn check_certificate(
        &self,
        bound: Option<&Confirmation<'_>>,
        record: &VerdictRecord,
    ) -> Result<(), Denied> {
        let unbound = bound.is_none_or(|bound| bound.x5t_s256.is_none());
        if unbound && self.settings.certificate == CertificateBinding::Required {
            return Err(self.denied(DenialReason::Token(VerificationError::NotBound), record.clone()));
        }
        Ok(())
    }

    fn access(
        &self,
        inspected: &Inspected<'_>,
        trusted: &Trusted,
        rights: Rights,
        mut record: VerdictRecord,
    ) -> Access {
        Access::accepted(&mut record);
        Access {
            rights,
            about: Arc::clone(&self.settings.about),
            record,
            leeway: leeway_seconds(trusted.verifier.tolerance()),
            next_nonce: None,
            in_query: inspected.found.credentials.in_query,
        }
    }

    /// Makes the pseudonym of an actor: the one that it has as a subject.
    fn pseudonym_of(&self, issuer: &str, actor: Option<&Actor>) -> Option<String> {
        let Actor { iss, sub, client_id, .. } = actor?;
        let name = sub.as_deref().or(client_id.as_deref()).unwrap_or_default();
        self.pseudonym(iss.as_deref().unwrap_or(issuer), Some(name))
    }

    /// Makes the pseudonym of a subject. 64 bits are enough to follow one subject through a log.
    fn pseudonym(&self, issuer: &str, subject: Option<&str>) -> Option<String> {
        let key = self.settings.pseudonyms.as_ref()?;
        let tag = key.sign(&[issuer.as_bytes(), b"\0", subject?.as_bytes()]);
        tag.get(..8).map(base64url::encode)
    }
}

/// Turns a refusal into [`Verdict::NewerKeys`] if old keys may be its cause.
fn or_newer_keys(judged: Result<Verdict, Denied>) -> Verdict {
    match judged {
        Ok(verdict) => verdict,
        Err(denied)
            if matches!(denied.reason(), DenialReason::Token(why) | DenialReason::Unsupported(why)
                if why.wants_newer_keys()) =>
        {
            Verdict::NewerKeys(denied)
        }
        Err(denied) => Verdict::Denied(denied),
    }
}

/// Whose fault a refused token is. Anybody can write the header of a token, so its `alg` is the issuer's only if the
/// issuer publishes the key that the token names, and this library cannot use that key.
fn blame(why: VerificationError, token: &str, keys: &KeySet) -> DenialReason {
    let key_of_issuer = || {
        let header: Extra = serde_json::from_slice(&base64url::decode(token.split('.').next()?)?).ok()?;
        let kid = header.get("kid")?.as_str()?;
        keys.set_aside().iter().find(|key| key.kid.as_deref() == Some(kid))
    };
    if why == VerificationError::Jws(JwsError::AlgorithmNotAllowed) {
        // No setting allows what there is no backend for: then that is the reason.
        let lacking = verify_compact(token, keys, AlgorithmSet::EMPTY, &mut Scratch::new()).err();
        return DenialReason::of_token(lacking.map_or(why, Into::into));
    }
    let unknown = why == VerificationError::Jws(JwsError::UnknownAlgorithm);
    let vouched = |key: &UnusableKey| JwsError::KeySetAside(key.reason).is_unsupported();
    match unknown && key_of_issuer().is_some_and(vouched) {
        true => DenialReason::Unsupported(why),
        false => DenialReason::of_token(why),
    }
}

fn record(inspected: &Inspected<'_>) -> VerdictRecord {
    VerdictRecord {
        issuer: Some(Arc::clone(&inspected.found.name)),
        scheme: Some(inspected.found.credentials.scheme),
        ..VerdictRecord::default()
    }
}

fn accept(mut access: Access, proof: Option<DpopProof>) -> Verdict {
    let Some(proof) = proof else { return Verdict::Accepted(Arc::new(access)) };
    access.next_nonce = proof.next_nonce().map(str::to_owned);
    Verdict::CheckReplay(ReplayCheck { replay_key: proof.replay_key(), access: Arc::new(access) })
}

/// Returns the binding in an introspection response. A malformed binding becomes an unsupported one, which no sender
/// can satisfy.
fn bound(said: &IntrospectionResponse) -> Option<Confirmation<'static>> {
    let unreadable = |_| Confirmation { other: true, ..Confirmation::default() };
    said.cnf.clone().map(|cnf| Confirmation::from_members(cnf).unwrap_or_else(unreadable))
}

/// Whether a response describes a refresh token or an ID token. Endpoints should not call such a token active here, but
/// some do.
fn is_another_token(members: &Extra) -> bool {
    const OTHERS: [&str; 6] = ["refresh", "refresh_token", "id", "id_token", "offline", "logout"];
    ["token_type", "token_use", "typ"]
        .iter()
        .filter_map(|name| members.get(*name)?.as_str())
        .any(|kind| OTHERS.iter().any(|other| kind.eq_ignore_ascii_case(other)))
}

/// Checks an introspection response (RFC 7662 sections 2.2 and 4), except for the binding, and returns the issuer.
fn introspected<'s>(
    said: &'s IntrospectionResponse,
    members: &Extra,
    trusted: &'s Trusted,
    scheme: AuthenticationScheme,
    now: Timestamp,
) -> Result<&'s str, VerificationError> {
    if is_another_token(members) {
        return Err(VerificationError::Type);
    }
    for (name, value) in [("sub", &said.sub), ("client_id", &said.client_id), ("acr", &said.acr)] {
        if value.as_deref().is_some_and(|value| !all_visible(value)) {
            return Err(VerificationError::Value(name));
        }
    }
    let issuer = trusted.issuer_of(said.iss.as_deref(), members)?;
    match said.names_audience() {
        true if said.aud.iter().any(|one| trusted.verifier.is_audience(one)) => {}
        true => return Err(VerificationError::Audience),
        false if trusted.any_audience_introspected => {}
        false => return Err(VerificationError::Missing("aud")),
    }
    let bound_type = said.token_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("dpop"));
    if bound_type && scheme == AuthenticationScheme::Bearer {
        return Err(VerificationError::SenderConstrained);
    }
    let IntrospectionResponse { exp, nbf, iat, .. } = *said;
    check_times(&Claims { exp, nbf, iat, ..Claims::default() }, trusted.verifier.tolerance(), now)?;
    Ok(issuer)
}

#[cfg(test)]
#[path = "tests/judge_tests.rs"]
mod tests;
