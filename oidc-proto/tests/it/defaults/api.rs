//! What the default settings of an API refuse.

use super::{Refusal, Row, row};
use crate::resource::{
    presets,
    world::{ISSUER, NOW, RESOURCE, World, end, headers, merge, server, sign},
};
use http::{HeaderMap, Method, Uri};
use oidc_proto::{
    Secret,
    jose::{Algorithm, AlgorithmSet, KeySet, RingSigner},
    message::IntrospectionResponse,
    metadata::{AllowedTenants, IssuerRule},
    resource::{
        CredentialPolicy, DenialReason, Denied, RequestView, ResourceServer, ResourceServerBuilder,
        TrustedIssuer,
    },
    sender::{CertificateThumbprint, DpopVerifier},
    token::{AccessTokenVerifier, IdJagVerifier, RequiredClaim, Scratch},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A token with this header `typ` and these changes, before a server with the default settings for its issuer, or others.
fn judged(
    on: bool,
    set: fn(AccessTokenVerifier) -> AccessTokenVerifier,
    typ: &Value,
    changes: &Value,
) -> Result<(), Refusal> {
    let world = World::new();
    let issuer = TrustedIssuer::new(ISSUER).access_tokens(|default| if on { set(default) } else { default });
    let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
    Ok(world.bearer(&server, &typed(&world, typ, changes)).map(drop)?)
}

fn typed(world: &World, typ: &Value, changes: &Value) -> String {
    let claims = json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "app", "jti": "t",
                        "iat": NOW.0, "exp": NOW.0 + 300});
    sign(&world.issuer, &merge(json!({"alg": "EdDSA"}), &json!({ "typ": typ })), &merge(claims, changes))
}

/// A token before a verifier by itself.
fn verified(
    on: bool,
    set: fn(AccessTokenVerifier) -> AccessTokenVerifier,
    keys: &KeySet,
    token: &str,
) -> Result<(), Refusal> {
    let default = AccessTokenVerifier::new(ISSUER, RESOURCE);
    let verifier = if on { set(default) } else { default };
    let verdict = verifier.verify(token, keys, &mut Scratch::new(), NOW).map(drop);
    verdict.map_err(|why| {
        let reason = DenialReason::of_token(why);
        Refusal(reason.code(), reason.to_string())
    })
}

/// A request before a server, with everything that it may have. A DPoP proof counts as used for the first time.
fn requested(
    server: ResourceServerBuilder,
    headers: &HeaderMap,
    uri: &str,
    form: Option<&str>,
    certificate: Option<&CertificateThumbprint>,
) -> Result<(), Refusal> {
    let (world, server) = (World::new(), server.build().unwrap());
    let method = if form.is_some() { Method::POST } else { Method::GET };
    let uri: Uri = uri.parse().unwrap();
    let mut view = RequestView::new(&method, &uri, headers);
    if let Some(form) = form {
        view = view.form(form.as_bytes());
    }
    if let Some(certificate) = certificate {
        view = view.certificate(certificate);
    }
    let inspected = server.inspect(&view, &mut Scratch::new())?;
    Ok(end(server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW)).map(drop)?)
}

/// A token that the issuer is asked about, if the settings have it so.
fn introspected(issuer: TrustedIssuer, token: &str, said: &Value) -> Result<(), Refusal> {
    let (world, server) = (World::new(), ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap());
    let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let inspected = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new())?;
    let verdict = match inspected.is_opaque() {
        true => {
            let said = IntrospectionResponse::from_members(said.as_object().unwrap().clone()).unwrap();
            server.judge_introspected(&inspected, &said, NOW)
        }
        false => server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW),
    };
    Ok(end(verdict).map(drop)?)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = tokens();
    rows.extend(issuers());
    rows.extend(requests());
    let with: Vec<_> = presets::judged(true);
    for ((name, strict), (same, preset)) in presets::judged(false).into_iter().zip(with) {
        assert_eq!(name, same);
        let verdicts = [strict.map_err(Denied::into), preset.map_err(Denied::into)];
        // A preset is nothing but settings. The error names the first of them that helps.
        rows.push(Row {
            switch: format!("TrustedIssuer::{name}"),
            named: "`AccessTokenVerifier::",
            verdicts,
        });
    }
    rows
}

fn tokens() -> Vec<Row> {
    let at = json!("at+jwt");
    vec![
        row("AccessTokenVerifier::issuer_rule", "`AccessTokenVerifier::issuer_rule`", |on| {
            let other = "http://fs.example/adfs/services/trust";
            let set = |t: AccessTokenVerifier| {
                t.issuer_rule(IssuerRule::exact("http://fs.example/adfs/services/trust"))
            };
            judged(on, set, &json!("at+jwt"), &json!({ "iss": other }))
        }),
        row("AllowedTenants::AnyUuid", "`AccessTokenVerifier::issuer_rule`", |on| {
            let rule = |allowed| IssuerRule::template("https://op.example/{tenant}", "tid", allowed).unwrap();
            let allowed =
                if on { AllowedTenants::AnyUuid } else { AllowedTenants::List(vec!["acme".into()]) };
            let issuer = TrustedIssuer::new(ISSUER).access_tokens(|t| t.issuer_rule(rule(allowed)));
            let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
            let (world, tenant) = (World::new(), "11111111-2222-4333-8444-5555aaaabbbb");
            let changes = json!({"iss": format!("https://op.example/{tenant}"), "tid": tenant});
            Ok(world.bearer(&server, &typed(&world, &json!("at+jwt"), &changes)).map(drop)?)
        }),
        row("AccessTokenVerifier::max_actors", "`max_actors`", |on| {
            let act = (0..9).fold(json!(null), |earlier, _| json!({"sub": "agent", "act": earlier}));
            judged(on, |t| t.max_actors(9), &json!("at+jwt"), &json!({ "act": act }))
        }),
        row("AccessTokenVerifier::or_audience", "`AccessTokenVerifier::or_audience`", |on| {
            judged(on, |t| t.or_audience("orders"), &json!("at+jwt"), &json!({"aud": "orders"}))
        }),
        row("AccessTokenVerifier::algorithms", "`AccessTokenVerifier::algorithms`", |on| {
            let secret = Secret::new("a secret of more than thirty-two bytes for HMAC");
            let key = RingSigner::from_secret(Algorithm::HS256, &secret, None).unwrap();
            let claims = json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "app", "jti": "t",
                                "iat": NOW.0, "exp": NOW.0 + 300});
            let token = sign(&key, &json!({"alg": "HS256", "typ": "at+jwt"}), &claims);
            verified(on, |t| t.algorithms(AlgorithmSet::ALL), &KeySet::from_secret(&secret), &token)
        }),
        row("AccessTokenVerifier::leeway", "`leeway`", |on| {
            let set = |t: AccessTokenVerifier| t.leeway(Duration::from_secs(90));
            judged(on, set, &json!("at+jwt"), &json!({"exp": NOW.0 - 60}))
        }),
        row("IdJagVerifier::leeway", "`leeway`", |on| {
            let world = World::new();
            let claims = json!({"iss": ISSUER, "sub": "alice", "aud": "https://as.example", "client_id": "app", "jti": "t",
                                "iat": NOW.0 - 300, "exp": NOW.0 - 60});
            let token = sign(&world.issuer, &json!({"alg": "EdDSA", "typ": "oauth-id-jag+jwt"}), &claims);
            let default = IdJagVerifier::new(ISSUER, "https://as.example");
            let verifier = if on { default.leeway(Duration::from_secs(90)) } else { default };
            let verdict = verifier.verify(&token, "app", &world.keys, NOW).map(drop);
            verdict.map_err(|why| Refusal(why.code(), why.to_string()))
        }),
        row("AccessTokenVerifier::max_token", "`max_token`", |on| {
            let world = World::new();
            let token = typed(&world, &json!("at+jwt"), &json!({"note": "x".repeat(20_000)}));
            verified(on, |t| t.max_token(40_000), &world.keys, &token)
        }),
        row("AccessTokenVerifier::accept_plain_jwt", "`AccessTokenVerifier::accept_plain_jwt`", |on| {
            judged(on, AccessTokenVerifier::accept_plain_jwt, &json!("JWT"), &json!({}))
        }),
        row("AccessTokenVerifier::accept_nonce", "`AccessTokenVerifier::accept_nonce`", |on| {
            let (world, token) = (World::new(), json!({"nonce": "n"}));
            let plain = |t: AccessTokenVerifier| t.accept_plain_jwt();
            let issuer = TrustedIssuer::new(ISSUER);
            let issuer = issuer.access_tokens(|t| if on { plain(t).accept_nonce() } else { plain(t) });
            let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
            Ok(world.bearer(&server, &typed(&world, &json!("JWT"), &token)).map(drop)?)
        }),
        row(
            "AccessTokenVerifier::nbf_marks_access_tokens",
            "`AccessTokenVerifier::nbf_marks_access_tokens`",
            |on| {
                let world = World::new();
                let token = typed(&world, &json!("JWT"), &json!({"client_id": null, "nbf": NOW.0}));
                let issuer = TrustedIssuer::new(ISSUER).access_tokens(|t| {
                    let plain = t.accept_plain_jwt();
                    if on { plain.nbf_marks_access_tokens() } else { plain }
                });
                let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
                Ok(world.bearer(&server, &token).map(drop)?)
            },
        ),
        row(
            "AccessTokenVerifier::client_id_as_audience",
            "`AccessTokenVerifier::client_id_as_audience`",
            |on| {
                let world = World::new();
                let token = typed(&world, &json!("at+jwt"), &json!({"aud": null, "token_use": "access"}));
                let issuer = TrustedIssuer::new(ISSUER).access_tokens(|t| {
                    let named = t.or_audience("app");
                    if on { named.client_id_as_audience() } else { named }
                });
                let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
                Ok(world.bearer(&server, &token).map(drop)?)
            },
        ),
        row(
            "AccessTokenVerifier::without_required_claim",
            "`AccessTokenVerifier::without_required_claim`",
            |on| judged(on, |t| t.without_required_claim(RequiredClaim::Jti), &at, &json!({"jti": null})),
        ),
    ]
}

fn issuers() -> Vec<Row> {
    let issuer = |on: bool, set: fn(TrustedIssuer) -> TrustedIssuer| {
        let default = TrustedIssuer::new(ISSUER);
        if on { set(default) } else { default }
    };
    let said = |changes: &Value| {
        let said = json!({"active": true, "iss": ISSUER, "aud": RESOURCE, "sub": "alice", "client_id": "app",
                          "exp": NOW.0 + 60});
        merge(said, changes)
    };
    vec![
        row(
            "TrustedIssuer::introspects_opaque_tokens",
            "`TrustedIssuer::introspects_opaque_tokens`",
            move |on| {
                introspected(
                    issuer(on, TrustedIssuer::introspects_opaque_tokens),
                    "opaque",
                    &said(&json!({})),
                )
            },
        ),
        row("TrustedIssuer::introspects_jwts", "`TrustedIssuer::introspects_jwts`", move |on| {
            let token = typed(&World::new(), &json!("at+jwt"), &json!({"aud": null, "sub": null}));
            introspected(issuer(on, TrustedIssuer::introspects_jwts), &token, &said(&json!({})))
        }),
        row(
            "TrustedIssuer::introspects_without_audience",
            "`TrustedIssuer::introspects_without_audience`",
            move |on| {
                let asks =
                    issuer(on, TrustedIssuer::introspects_without_audience).introspects_opaque_tokens();
                introspected(asks, "opaque", &said(&json!({"aud": null})))
            },
        ),
    ]
}

fn requests() -> Vec<Row> {
    fn credentials(on: bool, set: fn(CredentialPolicy) -> CredentialPolicy) -> ResourceServerBuilder {
        let default = CredentialPolicy::default();
        server().credentials(if on { set(default) } else { default })
    }
    fn in_form(on: bool, set: fn(CredentialPolicy) -> CredentialPolicy) -> Result<(), Refusal> {
        let form = format!("access_token={}", World::new().token(&json!({})));
        let headers = headers(&[("content-type", b"application/x-www-form-urlencoded")]);
        requested(credentials(on, set), &headers, "/orders", Some(&form), None)
    }
    fn in_query(on: bool, set: fn(CredentialPolicy) -> CredentialPolicy) -> Result<(), Refusal> {
        let uri = format!("/orders?access_token={}", World::new().token(&json!({})));
        requested(credentials(on, set), &HeaderMap::new(), &uri, None, None)
    }
    /// A token that is bound to a DPoP key, with a proof of this age.
    fn proven(server: ResourceServerBuilder, age: i64) -> Result<(), Refusal> {
        let world = World::new();
        let token = world.bound_token();
        let proof = world.proof(&token, &json!({"iat": NOW.0 - age}));
        let authorization = format!("DPoP {token}");
        let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
        requested(server, &headers, "/orders", None, None)
    }
    let dpop = |on: bool, set: fn(DpopVerifier) -> DpopVerifier| {
        let default = DpopVerifier::new();
        server().accept_dpop(if on { set(default) } else { default })
    };
    vec![
        row("CredentialPolicy::with_form", "`CredentialPolicy::with_form`", |on| {
            in_form(on, CredentialPolicy::with_form)
        }),
        row("CredentialPolicy::form", "`CredentialPolicy::with_form`", |on| {
            in_form(on, |mut policy| {
                policy.form = true;
                policy
            })
        }),
        row("CredentialPolicy::with_query", "`CredentialPolicy::with_query`", |on| {
            in_query(on, CredentialPolicy::with_query)
        }),
        row("CredentialPolicy::query", "`CredentialPolicy::with_query`", |on| {
            in_query(on, |mut policy| {
                policy.query = true;
                policy
            })
        }),
        row("CredentialPolicy::with_max_token", "`CredentialPolicy::with_max_token`", |on| {
            let token = World::new().token(&json!({"note": "x".repeat(20_000)}));
            let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
            requested(
                credentials(on, |policy| policy.with_max_token(40_000)),
                &headers,
                "/orders",
                None,
                None,
            )
        }),
        row("ResourceServerBuilder::trust", "`ResourceServerBuilder::trust`", |on| {
            let world = World::new();
            let token = world.token(&json!({"iss": "https://other.example"}));
            let server = server();
            let server = if on { server.trust(TrustedIssuer::new("https://other.example")) } else { server };
            Ok(world.bearer(&server.build().unwrap(), &token).map(drop)?)
        }),
        row("ResourceServerBuilder::accept_dpop", "`ResourceServerBuilder::accept_dpop`", |on| {
            proven(if on { server().accept_dpop(DpopVerifier::new()) } else { server() }, 0)
        }),
        row("DpopVerifier::max_age", "`max_age`", move |on| {
            proven(dpop(on, |verifier| verifier.max_age(Duration::from_secs(300))), 200)
        }),
        row("DpopVerifier::leeway", "`leeway`", move |on| {
            proven(dpop(on, |verifier| verifier.leeway(Duration::from_secs(90))), -60)
        }),
        row("ResourceServerBuilder::accept_certificate_bound", "`accept_certificate_bound`", |on| {
            let certificate = CertificateThumbprint::of_der(b"certificate");
            let cnf = json!({"cnf": {"x5t#S256": certificate.as_str()}});
            let token = World::new().token(&cnf);
            let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
            let server = if on { server().accept_certificate_bound() } else { server() };
            requested(server, &headers, "/orders", None, Some(&certificate))
        }),
    ]
}
