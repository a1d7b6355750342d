//! The property of claims: a document means the same however it is read.

use crate::{CLIENT, ISSUER, NOW, SECRET};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oidc_proto::{
    Secret,
    jose::{Algorithm, AlgorithmSet, KeySet},
    token::{AccessTokenVerifier, Claims, Expected, IdToken, IdTokenVerifier, Scratch, VerificationError},
};
use ring::{
    digest::{SHA256, digest},
    hmac,
};
use std::{cell::RefCell, sync::LazyLock};

const HS256: AlgorithmSet = AlgorithmSet::EMPTY.with(Algorithm::HS256);

/// The start of the name of the mark: a member with an escape, so a document with it is not plain, and the library
/// reads it with serde_json and not in its quick way.
const MARK: &str = "a mark, a slow one: ";

static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::from_secret(&Secret::new(SECRET)));

thread_local! {
    /// Memory that many verifications have used before.
    static USED: RefCell<Scratch> = RefCell::default();
}

/// Checks a set of claims: any bytes. The issuer signs them as they are, and once more with a member that keeps the
/// library from reading them in its quick way. Both tokens must have the same verdict, and the same claims if they are
/// accepted. The same must hold after the claims that are demanded have been added.
///
/// # Panics
/// If the property does not hold.
pub fn claims(data: &[u8]) {
    // A longer token is refused for its length.
    let data = data.get(..8192).unwrap_or(data);
    for document in [data.to_vec(), with(&demanded(), data).unwrap_or_default()] {
        let Some(marked) = with(&mark(&document), &document) else { continue };
        let (plain, marked) = (sign(&document), sign(&marked));
        let shown = String::from_utf8_lossy(&document);
        let verdict = access(&plain, &mut Scratch::new());
        assert_eq!(verdict, access(&marked, &mut Scratch::new()), "{shown}");
        USED.with_borrow_mut(|used| assert_eq!(verdict, access(&plain, used), "{shown}"));
        let verdict = id(&plain, &mut Scratch::new());
        assert_eq!(verdict, id(&marked, &mut Scratch::new()), "{shown}");
        USED.with_borrow_mut(|used| assert_eq!(verdict, id(&plain, used), "{shown}"));
    }
}

/// Returns a member that the document does not have: the document cannot name its own hash.
fn mark(document: &[u8]) -> String {
    let hash: String =
        digest(&SHA256, document).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(r#""{}{hash}":0"#, MARK.replacen('a', r"\u0061", 1))
}

/// The claims that an access token and an ID token must have.
fn demanded() -> String {
    let (iat, exp) = (NOW.0, NOW.0 + 300);
    format!(
        r#""iss":"{ISSUER}","sub":"alice","aud":["{CLIENT}"],"iat":{iat},"exp":{exp},"client_id":"c","jti":"j""#
    )
}

/// Puts members in front of those of a document. `None` if it is no object.
fn with(members: &str, document: &[u8]) -> Option<Vec<u8>> {
    fn trim(text: &[u8]) -> &[u8] {
        let space = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        text.get(space..).unwrap_or_default()
    }
    let rest = trim(document).strip_prefix(b"{")?;
    let comma: &[u8] = if trim(rest).starts_with(b"}") { b"" } else { b"," };
    Some([b"{", members.as_bytes(), comma, rest].concat())
}

/// Signs claims with the secret of the client.
fn sign(claims: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes())))
}

/// Verifies an access token, and returns all that its claims say.
fn access(token: &str, scratch: &mut Scratch) -> Result<String, VerificationError> {
    let verifier =
        AccessTokenVerifier::new(ISSUER, CLIENT).algorithms(HS256).accept_plain_jwt().accept_nonce();
    let verified = verifier.verify(token, &KEYS, scratch, NOW)?;
    let scopes: Vec<&str> = verified.scopes().collect();
    let actors = (verified.actor(), verified.may_act().is_some());
    Ok(format!("{} {scopes:?} {:?} {actors:?}", fields(verified.claims()), verified.client_id()))
}

fn fields(claims: &Claims<'_>) -> String {
    let Claims { iss, sub, aud, exp, nbf, iat, jti, azp, nonce, auth_time, acr, amr, .. } = claims;
    let Claims { at_hash, c_hash, s_hash, sid, client_id, scope, events, cnf, .. } = claims;
    let texts = [iss, sub, jti, azp, nonce, acr, at_hash, c_hash, s_hash, sid, client_id, scope];
    let lists = [aud, amr].map(|list| list.map(|list| (list.len(), list.to_vec())));
    format!("{texts:?} {lists:?} {:?} {events} {cnf:?}", [exp, nbf, iat, auth_time])
}

/// Verifies an ID token. The token itself and the mark are left out of the result.
fn id(token: &str, scratch: &mut Scratch) -> Result<IdToken, VerificationError> {
    let verifier = IdTokenVerifier::new(ISSUER, CLIENT).algorithms(HS256);
    let token = Secret::new(token);
    let borrowed = verifier.verify_borrowed(&token, &KEYS, &Expected::default(), scratch, NOW)?;
    let mut verified = borrowed.to_id_token()?;
    assert_eq!((borrowed.iss(), borrowed.sub()), (&*verified.iss, &*verified.sub));
    assert!(borrowed.set_aside().eq(verified.set_aside.iter().copied()));
    assert_eq!(borrowed.actor(), verified.actor());
    assert_eq!(verified.actor().is_some(), verified.claims.contains_key("act"), "no actor is lost");
    verified.token = Secret::new("");
    verified.claims.retain(|name, _| !name.starts_with(MARK));
    Ok(verified)
}
