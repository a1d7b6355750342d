//! The validator of huskarl.

use http::{Method, Uri};
use huskarl_resource_server::{
    core::{
        EndpointUrl, Error,
        crypto::{
            KeyMatchStrength,
            verifier::{CreateVerifierError, JwsVerifier, JwsVerifierPlatform, KeyMatch, VerifyError},
        },
        jwk::PublicJwk,
        platform::MaybeSendBoxFuture,
    },
    validator::rfc9068::Rfc9068Validator,
};
use oidc_bench::{
    others::{Check, check_by_ring},
    ours::bearer,
    services::at_once,
    tokens::{AUDIENCE, ISSUER, Signer},
};
use std::{fmt, future::ready, sync::Arc};

/// Who verifies the signatures for huskarl: a function.
struct Signatures(Check);

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signatures")
    }
}

impl JwsVerifier for Signatures {
    fn key_match(&self, _: &KeyMatch<'_>) -> Option<KeyMatchStrength> {
        Some(KeyMatchStrength::ByKeyId)
    }

    fn verify<'a>(
        &'a self,
        input: &'a [u8],
        signature: &'a [u8],
        _: &'a KeyMatch<'a>,
    ) -> MaybeSendBoxFuture<'a, Result<(), VerifyError>> {
        assert!((self.0)(input, signature), "a right signature");
        Box::pin(ready(Ok(())))
    }
}

/// Validates one request, again and again.
fn requests(validator: Rfc9068Validator, token: &str) -> Box<dyn FnMut() -> bool> {
    let (headers, uri) = (bearer(token), Uri::from_static("https://api.example/orders"));
    Box::new(move || {
        let result = at_once(validator.validate_request(&headers, &Method::GET, &uri, None));
        assert!(matches!(result.outcome, Ok(Some(_))), "a good token");
        true
    })
}

/// Makes nothing: the benchmark brings the check of signatures.
#[derive(Debug)]
struct NoPlatform;

impl JwsVerifierPlatform for NoPlatform {
    fn create_verifier_from_jwk(
        &self,
        _: PublicJwk,
    ) -> MaybeSendBoxFuture<'static, Result<Arc<dyn JwsVerifier>, CreateVerifierError>> {
        Box::pin(ready(Err(CreateVerifierError::MissingJwksUri)))
    }

    fn supported_signature_algorithms(&self) -> &[&str] {
        &[]
    }
}

/// A validator with this check of signatures.
fn validator(check: Check) -> Rfc9068Validator {
    let signatures: Arc<dyn JwsVerifier> = Arc::new(Signatures(check));
    let signatures = move |_: Option<&EndpointUrl>,
                           _: Arc<dyn JwsVerifierPlatform>|
          -> MaybeSendBoxFuture<'static, Result<Arc<dyn JwsVerifier>, Error>> {
        Box::pin(ready(Ok(signatures.clone())))
    };
    let validator = Rfc9068Validator::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .jws_verifier_platform(Arc::new(NoPlatform));
    at_once(validator.jws_verifier_factory(signatures).build()).expect("a validator")
}

/// With ring in place of its default, RustCrypto, and with a single key.
pub fn validate(signer: &Signer, token: &str) -> Box<dyn FnMut() -> bool> {
    requests(validator(check_by_ring(signer)), token)
}

/// Everything but the signature.
pub fn but_the_signature(token: &str) -> Box<dyn FnMut() -> bool> {
    requests(validator(Box::new(|_, _| true)), token)
}
