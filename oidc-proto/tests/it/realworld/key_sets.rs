//! The expected result for each key set.

use super::KeyError;

/// A row: a key set, the number of its usable keys, and why the others are set aside.
#[derive(Debug, PartialEq)]
pub(super) struct KeySetRow<'a> {
    pub(super) file: &'a str,
    pub(super) usable: usize,
    pub(super) aside: &'a [(Option<&'a str>, KeyError)],
}

pub(super) const KEY_SETS: &[KeySetRow<'_>] = &[
    KeySetRow { file: "apple-goat.jwks.json", usable: 3, aside: &[] },
    KeySetRow { file: "apple.jwks.json", usable: 3, aside: &[] },
    // The moduli are base64 instead of base64url, each with a zero octet in front.
    KeySetRow { file: "battle-net.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "discord.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "docker.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "dropbox.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "entra-common-goat.jwks.json", usable: 9, aside: &[] },
    KeySetRow { file: "entra-common.jwks.json", usable: 7, aside: &[] },
    KeySetRow { file: "entra-organizations.jwks.json", usable: 6, aside: &[] },
    KeySetRow { file: "facebook-goat.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "facebook.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "firebase.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "github-actions.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "gitlab-goat.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "gitlab.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "google-goat.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "google.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "klarna.jwks.json", usable: 4, aside: &[] },
    KeySetRow { file: "kubernetes-sa.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "lego.jwks.json", usable: 5, aside: &[] },
    // Three moduli have a zero octet for the sign in front, as do those of nikkei and paypal.
    KeySetRow { file: "line-sdk.jwks.json", usable: 4, aside: &[] },
    KeySetRow { file: "line.jwks.json", usable: 20, aside: &[] },
    KeySetRow { file: "mojeid.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "nikkei.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "okta.jwks.json", usable: 2, aside: &[] },
    // A secp256k1 key, and two keys for encryption.
    KeySetRow {
        file: "openid-certification.jwks.json",
        usable: 5,
        aside: &[
            (Some("8090008e-6361-4a43-87a0-b5e587452bf5"), KeyError::UnknownCurve),
            (Some("ff82bc1a-249d-4beb-9544-1e133b566480"), KeyError::NotForSignatures),
            (Some("ac0b707f-702f-49c9-8a08-55cff93864f0"), KeyError::NotForSignatures),
        ],
    },
    // X25519 is not for signatures.
    KeySetRow {
        file: "paypal-goat.jwks.json",
        usable: 8,
        aside: &[(Some("753778214125442a472d4b6150645367"), KeyError::UnknownCurve)],
    },
    KeySetRow {
        file: "paypal.jwks.json",
        usable: 14,
        aside: &[(Some("753778214125442a472d4b6150645367"), KeyError::UnknownCurve)],
    },
    KeySetRow { file: "ping-2014.jwks.json", usable: 3, aside: &[] },
    // `use` is `x509-svid`.
    KeySetRow {
        file: "quirk-spiffe-bundle.jwks.json",
        usable: 0,
        aside: &[(None, KeyError::NotForSignatures)],
    },
    // `key_ops` without `verify`, and an `alg` of `SHA256`, which is no JWS algorithm.
    KeySetRow {
        file: "quirk-unrecognized-kty.jwks.json",
        usable: 0,
        aside: &[
            (Some("NGTFvdK-fythEuLwjpwAJOM9n-A"), KeyError::NotForSignatures),
            (Some("kriMPdmBvx68skT8-mPAB3BseeA"), KeyError::UnknownAlgorithm),
        ],
    },
    KeySetRow { file: "recruit.jwks.json", usable: 3, aside: &[] },
    KeySetRow { file: "slack-goat.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "slack.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "spotify.jwks.json", usable: 3, aside: &[] },
    KeySetRow { file: "twitch.jwks.json", usable: 1, aside: &[] },
    KeySetRow { file: "verimi.jwks.json", usable: 2, aside: &[] },
    KeySetRow { file: "yahoo-japan.jwks.json", usable: 2, aside: &[] },
    // Three keys of 1024 bits, each with a zero octet for the sign in front. ES256 works.
    KeySetRow {
        file: "yahoo.jwks.json",
        usable: 1,
        aside: &[
            (Some("6ff94cdad11e7c3ac08dc9ec3c44844b87e364f7"), KeyError::RsaTooShort),
            (Some("0"), KeyError::RsaTooShort),
            (Some("4"), KeyError::RsaTooShort),
        ],
    },
];
