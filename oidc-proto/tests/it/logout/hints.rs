//! ID token hints: only a signed ID token of this provider for this client goes out.

use super::*;
use oidc_proto::{Moment, flow::LogoutError, jose::JwsError, metadata::IssuerRule};
use oidc_testkit::drive::NOW;
use serde_json::json;

fn judged(client: &Client, hint: &str) -> Result<(), LogoutError> {
    client.logout(&LogoutRequest::new().id_token_hint(hint), Moment::new(NOW, [1; 32])).map(drop)
}

#[test]
fn a_hint_of_another_issuer_or_for_another_client_does_not_go_out() {
    let client = Scene::new().client;
    let iss = "https://op.example";
    for (claims, claim) in [
        (json!({"iss": "https://other.example", "aud": "app"}), "iss"),
        (json!({"iss": "https://op.example/", "aud": "app"}), "iss"),
        (json!({"aud": "app"}), "iss"),
        (json!({"iss": iss, "aud": "other"}), "aud"),
        (json!({"iss": iss, "aud": ["other", "App"]}), "aud"),
        (json!({"iss": iss, "aud": "app "}), "aud"),
        (json!({"iss": iss, "aud": []}), "aud"),
        (json!({"iss": iss, "aud": [["app"]]}), "aud"),
        (json!({"iss": iss, "aud": {"app": "app"}}), "aud"),
        (json!({"iss": iss, "azp": "app"}), "aud"),
    ] {
        assert_eq!(judged(&client, &token(&claims)), Err(LogoutError::OtherHint(claim)), "{claims}");
    }
    for aud in [json!("app"), json!(["app"]), json!(["other", "app"])] {
        assert_eq!(judged(&client, &token(&json!({"iss": iss, "aud": aud}))), Ok(()), "{aud}");
    }
}

#[test]
fn an_access_token_or_a_refresh_token_is_no_hint() {
    let mut scene = Scene::new();
    let tokens = scene.party.login().unwrap().tokens;
    let access = judged(&scene.client, tokens.access_token.expose());
    assert_eq!(access, Err(LogoutError::OtherHint("aud")));
    let refresh = judged(&scene.client, tokens.refresh_token.unwrap().expose());
    assert_eq!(refresh, Err(LogoutError::Hint(JwsError::NotCompact)));
    assert_eq!(judged(&scene.client, ""), Err(LogoutError::Hint(JwsError::NotCompact)));
}

#[test]
fn an_encrypted_or_broken_hint_does_not_go_out() {
    let client = Scene::new().client;
    for encrypted in ["a.b.c.d.e", "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn", "...."] {
        let error = judged(&client, encrypted).unwrap_err();
        assert_eq!(error, LogoutError::Hint(JwsError::Encrypted), "{encrypted}");
    }
    let good = token(&json!({"iss": "https://op.example", "aud": "app"}));
    assert_eq!(judged(&client, &good), Ok(()));
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for broken in [
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims} .{signature}"),
        format!("{header}.{claims}.{signature}&"),
    ] {
        assert_eq!(judged(&client, &broken), Err(LogoutError::Hint(JwsError::Base64)), "{broken}");
    }
    for claims in ["[]", "", "{\"iss\":7}", "{\"iss\":\"a\",\"iss\":\"b\"}"] {
        let hint = format!("{header}.{}.{signature}", base64url::encode(claims.as_bytes()));
        assert!(matches!(judged(&client, &hint), Err(LogoutError::HintClaims(_))), "{claims}");
    }
}

#[test]
fn the_issuer_rule_of_the_client_holds_for_hints() {
    let scene = Scene::new();
    let metadata = scene.client.metadata().clone();
    let rule = IssuerRule::exact("https://op.example").or_exact("https://second.example");
    let client = Client::builder(metadata, "app").issuer_rule(rule).build().unwrap();
    for (iss, verdict) in [
        ("https://op.example", Ok(())),
        ("https://second.example", Ok(())),
        ("https://third.example", Err(LogoutError::OtherHint("iss"))),
    ] {
        assert_eq!(judged(&client, &token(&json!({"iss": iss, "aud": "app"}))), verdict, "{iss}");
    }
}
