//! The scripts of random servers, for the flows.

use super::*;

/// The metadata of the origin of a resource.
const ORIGIN: &str =
    r#"{"resource":"https://op.example","authorization_servers":["https://op.example/tenant"]}"#;

pub(super) fn scripts() -> Entries {
    let text = |text: &str| {
        [&(u16::try_from(text.len()).expect("short").to_be_bytes())[..], text.as_bytes()].concat()
    };
    // Any response: status, header fields, body.
    let raw = |status: u16, kind: &str, body: &str| {
        [&[10, 0][..], &status.to_be_bytes(), &[1, 0], &text(kind), &text(body)].concat()
    };
    let busy = |after: &str| [&[10, 9, 0, 0, 1, 1][..], &text(after), &[0, 0, 0]].concat();
    let member = |name: &str, value: &str| [&[6][..], &text(name), &text(value), &[0]].concat();
    let json = "application/json";
    let flow = |flow: u8, flags: u8, answers: &[Vec<u8>]| [&[flow, flags][..], &answers.concat()].concat();
    let prose = format!(r#"{{"error":"{0}","error_description":"{0}","error_uri":"{0}"}}"#, "x".repeat(1000));
    // A claim with another value, signed by the provider.
    let claim = |which: u8, value: &str| [&[11, which][..], &text(value), &[0]].concat();
    let honest = || vec![0, 0];
    // The same, and another answer behind it.
    let then = |status: u16, kind: &str, body: &str| [raw(status, kind, body), vec![0]].concat();
    let nothing = || then(404, "text/html", "<html>");
    vec![
        ("login", flow(0, 0, &[])),
        ("login-basic-userinfo", flow(0, 5, &[honest(), honest()])),
        ("login-keyed", flow(0, 132, &[honest(), honest(), honest()])),
        ("refresh-keyed", flow(1, 160, &[honest(), honest()])),
        ("service-keyed", flow(2, 129, &[busy("1"), honest()])),
        ("userinfo-keyed", flow(5, 128, &[honest()])),
        ("device-keyed", flow(6, 136, &[vec![0, 0, 0], honest()])),
        ("login-known-keys", flow(0, 26, &[honest()])),
        ("login-rotated", flow(0, 8, &[vec![1, 0], honest()])),
        ("login-lost", flow(0, 0, &[vec![2, 0]])),
        ("login-late", flow(0, 4, &[vec![0, 210, 255, 255], honest()])),
        ("login-end-of-time", flow(0, 4, &[vec![0, 254], vec![0, 255]])),
        ("login-flipped", flow(0, 4, &[vec![4, 3, 0, 80, 1, 1, 0, 2, 0, 99, 3, 2, 0, 7], honest()])),
        ("login-cut", flow(0, 4, &[honest(), vec![5, 0, 50, 0]])),
        ("login-large", flow(0, 4, &[vec![8, 255, 255, 0]])),
        ("login-other-token", flow(0, 0, &[member("access_token", "\"x\""), honest()])),
        ("login-no-id-token", flow(0, 0, &[member("id_token", "null")])),
        ("login-other-keys", flow(0, 0, &[honest(), raw(200, json, r#"{"keys":[]}"#)])),
        ("login-other-user", flow(0, 12, &[honest(), member("sub", "\"mallory\"")])),
        ("login-signed-sub", flow(0, 12, &[claim(1, "\"mallory\"")])),
        ("login-signed-nonce", flow(0, 8, &[claim(3, "\"n\"")])),
        ("login-signed-aud", flow(0, 8, &[claim(2, r#"["app","app"]"#)])),
        ("login-signed-hash", flow(0, 8, &[claim(9, "null")])),
        ("login-signed-exp", flow(0, 8, &[claim(4, "1e15")])),
        ("refresh-signed-sub", flow(1, 8, &[claim(1, "\"mallory\"")])),
        ("login-rights", flow(0, 128, &[])),
        ("login-foreign-rights", flow(0, 128, &[member("authorization_details", r#"[{"type":"x"}]"#)])),
        ("refresh-rights", flow(1, 128, &[member("authorization_details", "7")])),
        ("service-rights", flow(2, 129, &[vec![2, 0]])),
        ("login-redirect", flow(0, 0, &[raw(307, json, "{}")])),
        (
            "login-control",
            flow(0, 0, &[raw(400, json, r#"{"error":"a\u0000\u001b[2J\u0085","error_description":"\n"}"#)]),
        ),
        ("service-prose", flow(2, 1, &[raw(400, json, &prose)])),
        ("refresh", flow(1, 33, &[honest(), honest()])),
        ("refresh-kept", flow(1, 9, &[honest()])),
        ("refresh-other-user", flow(1, 8, &[member("id_token", "\"a.b.c\"")])),
        ("refresh-lost", flow(1, 32, &[vec![2, 0]])),
        ("service", flow(2, 1, &[])),
        (
            "service-busy",
            flow(2, 1, &[busy("5"), vec![1], busy("0"), vec![0], busy("9"), vec![1], busy("1")]),
        ),
        ("service-patient", flow(2, 2, &[busy("9999999999"), busy("Sun, 06 Nov 2094 08:49:37 GMT")])),
        ("service-lost", flow(2, 2, &[vec![2, 0, 0], vec![2, 231, 0, 9, 1], vec![2, 254, 0], vec![2, 0]])),
        ("discovery", flow(3, 0, &[])),
        ("discovery-other-issuer", flow(3, 0, &[member("issuer", "\"https://evil.example\\n\"")])),
        ("discovery-text", flow(3, 0, &[raw(200, "text/html", "<html>")])),
        ("resource", flow(3, 66, &[])),
        ("resource-plain", flow(3, 64, &[])),
        ("resource-at-root", flow(3, 66, &[nothing(), then(200, json, ORIGIN), nothing()])),
        ("resource-origin", flow(3, 65, &[nothing(), nothing(), then(200, "text/html", "<html>")])),
        ("resource-other", flow(3, 66, &[member("resource", "\"https://victim.example\"")])),
        ("resource-other-issuer", flow(3, 66, &[honest(), member("issuer", "\"https://evil.example\"")])),
        ("resource-inside", flow(3, 66, &[member("authorization_servers", "[\"https://10.0.0.1\"]")])),
        ("resource-few", flow(3, 82, &[nothing(), then(200, json, ORIGIN)])),
        ("keys", flow(4, 0, &[])),
        ("keys-nothing", flow(4, 0, &[raw(200, "application/jwk-set+json; charset=utf-8", "{}")])),
        ("attested", flow(4, 192, &[honest()])),
        ("attested-challenged", flow(4, 216, &[honest(), honest()])),
        ("attested-demanded", flow(4, 240, &[honest(), honest()])),
        ("document", flow(4, 64, &[honest()])),
        ("document-by-key", flow(4, 65, &[honest()])),
        ("document-of-another", flow(4, 64, &[member("client_id", "\"https://evil.example/client.json\"")])),
        ("document-with-secret", flow(4, 64, &[member("client_secret", "\"s\"")])),
        ("document-of-page", flow(4, 64, &[raw(200, "text/html", "<html>")])),
        ("document-large", flow(4, 64, &[vec![8, 255, 255, 0]])),
        ("userinfo", flow(5, 0, &[raw(200, json, r#"{"sub":"alice","x":1}"#)])),
        ("userinfo-jwt", flow(5, 0, &[raw(200, "application/jwt", "a.b.c")])),
        (
            "userinfo-challenge",
            flow(
                5,
                0,
                &[[
                    &[10, 5, 0, 0, 1, 2][..],
                    &text(r#"Bearer error="invalid_token", error_description="a\"b"#),
                    &[0, 0],
                ]
                .concat()],
            ),
        ),
        // Before each poll, the script says whether and how the user decides now, and whether the grant is
        // saved.
        ("device", flow(6, 0, &[vec![0], honest()])),
        ("device-basic-known-keys", flow(6, 9, &[vec![4], honest()])),
        ("device-read", flow(6, 16, &[])),
        ("device-denied", flow(6, 64, &[])),
        ("device-never", flow(6, 32, &[])),
        ("device-agrees-later", flow(6, 32, &[vec![0], honest(), vec![4], honest(), vec![3], honest()])),
        ("device-denies-later", flow(6, 32, &[vec![0], honest(), vec![1], honest()])),
        ("device-lost", flow(6, 0, &[vec![4, 2, 0], vec![4], honest()])),
        ("device-busy", flow(6, 32, &[vec![0, 3, 9, 0, 0, 0], vec![3], honest()])),
        ("device-late", flow(6, 32, &[vec![0, 0, 200, 0, 60]])),
        ("device-set-back", flow(6, 32, &[vec![0, 0, 230, 255, 255], vec![4, 0, 230, 255, 255]])),
        ("device-signed-sub", flow(6, 8, &[vec![0], claim(1, "\"mallory\"")])),
        ("pushed", flow(10, 1, &[honest()])),
        ("pushed-signed", flow(10, 18, &[honest()])),
        ("pushed-lost", flow(10, 0, &[vec![2, 0]])),
        ("pushed-reference", flow(10, 16, &[member("request_uri", "\"a reference with spaces\"")])),
        ("pushed-lifetime", flow(10, 1, &[member("expires_in", "9223372036854775807")])),
        ("pushed-refused", flow(10, 1, &[raw(400, json, r#"{"error": "invalid_request_uri"}"#)])),
        ("registration", flow(3, 193, &[honest()])),
        ("registration-minimal", flow(3, 208, &[honest()])),
        ("registration-lost", flow(3, 193, &[vec![2, 0]])),
        ("registration-redirect", flow(3, 193, &[member("redirect_uris", r#"["https://evil.example/"]"#)])),
        ("registration-secret", flow(3, 193, &[member("client_secret", "7")])),
        ("registration-method", flow(3, 194, &[member("token_endpoint_auth_method", "\"private_key_jwt\"")])),
        ("registration-read", flow(3, 229, &[honest()])),
        ("registration-read-other", flow(3, 197, &[member("client_id", "\"client-2\"")])),
        ("registration-update", flow(3, 205, &[member("registration_client_uri", "\"\u{202e}\"")])),
        ("registration-delete", flow(3, 213, &[honest()])),
        ("registration-refused", flow(3, 213, &[raw(401, json, r#"{"error": "invalid_token"}"#)])),
        ("backchannel", flow(11, 1, &[vec![0], honest()])),
        ("backchannel-denied", flow(11, 65, &[])),
        ("backchannel-never", flow(11, 33, &[])),
        (
            "backchannel-agrees-later",
            flow(11, 33, &[vec![0], honest(), vec![4], honest(), vec![3], honest()]),
        ),
        ("backchannel-lost", flow(11, 1, &[vec![4, 2, 0], vec![4], honest()])),
        ("backchannel-signed-sub", flow(11, 9, &[vec![0], claim(1, "\"mallory\"")])),
        ("backchannel-pushed", flow(11, 17, &[vec![0], honest()])),
        ("backchannel-pushed-forged", flow(11, 17, &[vec![1, 1, 97]])),
        ("backchannel-pushed-flipped", flow(11, 25, &[vec![2, 40, 0, 3]])),
        ("backchannel-pushed-altered", flow(11, 17, &[vec![26, 0, 33, 0, 0, 0]])),
    ]
}
