//! Signs with ECDSA, the only operation of the core that takes entropy from another source than a `Moment`.
//! As a WebAssembly module it must ask its host, and is stopped there.

use oidc_proto::jose::{Algorithm, RingSigner, Sign as _};

fn main() {
    let jwk = include_bytes!("../data/vectors/rfc/rfc7515_A.3.jwk");
    let signer = RingSigner::from_jwk(jwk, Some(Algorithm::ES256)).expect("the key of RFC 7515 appendix A.3");
    assert_eq!(signer.sign(b"a message").expect("a signature").len(), 64);
}
