//! Writes the corpus: the valid and hostile inputs that fuzzers and random tests of the library start from.
//!
//! `cargo run -p oidc-testkit --example corpus` writes `tests/corpus`, with the same content in every run.

#[path = "corpus/claims.rs"]
mod claims;
#[path = "corpus/outgoing.rs"]
mod outgoing;
#[path = "corpus/scripts.rs"]
mod scripts;

use claims::claims;
use oidc_properties::{CLIENT, ISSUER, NOW, REDIRECT, SECRET, document, genuine_tokens};
use oidc_proto::{
    Moment, UrlPolicy,
    flow::Client,
    message::AuthorizationRequest,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::TestProvider;
use outgoing::outgoing;
use serde_json::{Value, json};
use std::{fs, io, path::Path, time::Duration};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (target, entries) in [
        ("callback", callbacks()),
        ("metadata", documents()),
        ("jwks", key_sets()),
        ("token", tokens()),
        ("claims", claims()),
        ("flows", scripts::scripts()),
        ("saved", saved()),
        ("request", requests()),
        ("introspection", introspections()),
        ("renewal", renewals()),
        ("resource_request", outgoing()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, entry) in entries {
            fs::write(folder.join(name), entry)?;
        }
    }
    Ok(())
}

type Entries = Vec<(&'static str, Vec<u8>)>;

fn entries<const N: usize>(texts: [(&'static str, String); N]) -> Entries {
    texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// A pending authorization, and a query that answers it. The property `callback` uses the same one.
fn pending() -> (oidc_proto::flow::PendingAuthorization, String) {
    let text = document().to_string();
    let policy = UrlPolicy::default();
    let metadata = ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy);
    let client = Client::builder(metadata.expect("good"), CLIENT).redirect_uri(REDIRECT).build();
    let mut request = AuthorizationRequest::default();
    request.max_age = Some(Duration::from_secs(600));
    request.essential_acr = vec!["urn:example:two".to_owned()];
    let (_, pending) =
        client.expect("good").authorize(&request, Moment::new(NOW, [7; 32])).expect("a good request");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", "SplxlOBeZQQYbYS6WxSbIA")
        .append_pair("state", pending.state())
        .append_pair("iss", ISSUER)
        .finish();
    (pending, query)
}

fn callbacks() -> Entries {
    let (pending, good) = pending();
    let state = pending.state();
    entries([
        ("good", format!("?{good}")),
        ("good-url", format!("{REDIRECT}?{good}#fragment")),
        ("id-token", format!("{good}&id_token=x.y.z")),
        ("id-token-alone", format!("id_token=x.y.z&state={state}")),
        ("no-iss", format!("code=x&state={state}&session_state=a.b&x=1")),
        ("other-iss", format!("code=x&state={state}&iss=https%3A%2F%2Fevil.example")),
        ("other-state", format!("code=x&state={state}x")),
        ("no-code", format!("code=&state={state}&iss=https%3A%2F%2Fop.example%2Ftenant")),
        (
            "denied",
            format!(
                "error=access_denied&error_description=n%0Ao%1B%5B2J&error_uri=u&state={state}&iss=https%3A%2F%2Fop.example%2Ftenant"
            ),
        ),
        ("code-and-error", format!("{good}&error=server_error")),
        ("twice", format!("{good}&c%6Fde=other")),
        ("extra-twice", format!("{good}&x=1&x=2")),
        ("not-utf8", format!("code=%ff%fe&state={state}")),
        ("percent", "code=%&state=%4&%zz=+&&=&==".to_owned()),
        ("many", (0..65).map(|n| format!("p{n}=&")).collect()),
        ("question", format!("a?b??{good}")),
        ("empty", String::new()),
    ])
}

fn documents() -> Entries {
    let with = |changes: Value| {
        let mut document = document();
        for (name, value) in changes.as_object().into_iter().flatten() {
            document[name] = value.clone();
        }
        document.to_string()
    };
    let good = document().to_string();
    let mut provider = TestProvider::new(ISSUER).metadata();
    provider["mtls_endpoint_aliases"] = json!({"token_endpoint": "https://mtls.op.example/token", "x": 1});
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    entries([
        ("good", good.clone()),
        ("provider", provider.to_string()),
        ("implicit", with(json!({"token_endpoint": null, "response_types_supported": ["id_token"]}))),
        ("other-issuer", with(json!({"issuer": "https://evil.example"}))),
        ("issuer-with-slash", with(json!({"issuer": format!("{ISSUER}/")}))),
        ("issuer-twice", good.replacen('{', "{\"issuer\":\"https://evil.example\",", 1)),
        ("issuer-escaped", good.replacen('{', "{\"\\u0069ssuer\":\"https://evil.example\",", 1)),
        (
            "hostile-urls",
            with(json!({
                "token_endpoint": "https://2130706433/token", "jwks_uri": "https://[::ffff:a9fe:a9fe]/",
                "userinfo_endpoint": "http://localhost:8080/", "registration_endpoint": "https://0x7f.1/",
                "revocation_endpoint": "https://user@op.example/", "introspection_endpoint": "javascript:alert(1)",
                "service_documentation": "http://op.example/", "backchannel_authentication_endpoint": "http://10.0.0.1/",
            "end_session_endpoint": "https://op.example/#f", "op_tos_uri": "https:///x", "check_session_iframe": "//x/y",
                "device_authorization_endpoint": "https://[fd00::1]/", "op_policy_uri": "https://[2002:7f00:1::]/"
            })),
        ),
        (
            "hostile-types",
            with(json!({
                "jwks_uri": 5, "scopes_supported": "openid", "claims_supported": [1], "request_parameter_supported": "true",
                "mtls_endpoint_aliases": [], "signed_metadata": {}
            })),
        ),
        ("iss-misspelt", with(json!({"authorization_response_iss_parameter_supported": "true"}))),
        (
            "loopback",
            with(json!({"token_endpoint": "http://127.0.0.1:80/token", "jwks_uri": "http://[::1]/"})),
        ),
        ("endpoint-query", with(json!({"authorization_endpoint": "https://op.example/a?state=x&nonce=%ff"}))),
        ("tokens-only", json!({"issuer": ISSUER, "jwks_uri": "https://op.example/jwks"}).to_string()),
        ("server", json!({"issuer": ISSUER, "response_types_supported": []}).to_string()),
        ("nothing", "{}".to_owned()),
        ("deep", with(json!({"x": 0})).replacen(":0", &format!(":{deep}"), 1)),
        ("numbers", with(json!({"x": 1e308})).replacen("}", ",\"y\":-0.0,\"z\":1E400}", 1)),
        ("not-an-object", "[1,2,3]".to_owned()),
    ])
}

fn key_sets() -> Entries {
    let provider = TestProvider::new(ISSUER);
    let keys = provider.key_set();
    let of = |kty: &str| {
        let key = keys["keys"].as_array().into_iter().flatten().find(|key| key["kty"] == kty);
        key.expect("every kind").clone()
    };
    let with = |kty: &str, changes: Value| {
        let mut key = of(kty);
        for (name, value) in changes.as_object().into_iter().flatten() {
            key[name] = value.clone();
        }
        json!({ "keys": [key] }).to_string()
    };
    let secret = oidc_proto::base::base64url::encode(SECRET.as_bytes());
    let zero = |bytes: usize| oidc_proto::base::base64url::encode(&vec![0; bytes]);
    let oct = json!({"kty": "oct", "k": secret, "kid": "s"});
    let n = of("RSA")["n"].as_str().expect("a modulus").to_owned();
    let n = oidc_proto::base::base64url::decode(&n).expect("base64url");
    let shorter = oidc_proto::base::base64url::encode(&[&[n[0] & 0x7f], &n[1..]].concat());
    let zeros = oidc_proto::base::base64url::encode(&[&[0, 0], &n[..]].concat());
    let one: Vec<u8> = (0..32).map(|at| u8::from(at == 0)).collect();
    let signed = oidc_proto::base::base64url::encode(&[&[0], &n[..]].concat());
    entries([
        ("good", keys.to_string()),
        ("secret", json!({"keys": [oct]}).to_string()),
        ("secret-as-rsa", json!({"keys": [{"kty": "oct", "k": secret, "alg": "RS256"}, oct]}).to_string()),
        ("rsa-as-secret", with("RSA", json!({"alg": "HS256"}))),
        ("rsa-signed", with("RSA", json!({"n": signed, "alg": "PS256"}))),
        ("rsa-zeros", with("RSA", json!({"n": zeros}))),
        ("rsa-short", with("RSA", json!({"n": "AQAB"}))),
        ("rsa-2047", with("RSA", json!({"n": shorter}))),
        ("rsa-exponent", with("RSA", json!({"e": "AQ"}))),
        ("private", with("OKP", json!({"d": zero(32)}))),
        ("ed-zero", with("OKP", json!({"x": zero(32)}))),
        ("ed-one", with("OKP", json!({"x": oidc_proto::base::base64url::encode(&one)}))),
        ("ec-off-curve", with("EC", json!({"y": zero(32)}))),
        ("ec-other-curve", with("EC", json!({"crv": "secp256k1"}))),
        ("ed-alg", with("OKP", json!({"alg": "Ed25519", "key_ops": ["verify"], "use": null}))),
        ("encryption", with("RSA", json!({"use": "enc"}))),
        ("types", json!({"keys": [1, null, [], {}, {"kty": 1}, {"kty": "RSA", "kid": []}]}).to_string()),
        ("one-name", json!({"keys": [of("RSA"), of("OKP"), of("RSA"), {"kty": "AKP"}]}).to_string()),
        ("hundred", json!({"keys": vec![json!({"kty": "AKP"}); 100]}).to_string()),
        ("hundred-and-one", json!({"keys": vec![json!({}); 101]}).to_string()),
        ("no-keys", "{\"keys\":{}}".to_owned()),
        ("twice", "{\"keys\":[],\"keys\":[{\"kty\":\"RSA\"}]}".to_owned()),
    ])
}

fn tokens() -> Entries {
    let [access, id, secret_id] = genuine_tokens();
    let script = |code: u8, kind: u8, rest: &str| [&[code, kind], rest.as_bytes()].concat();
    let header = r#"{"alg":"EdDSA","kid":"ed25519-1","typ":"application/at+jwt"}"#;
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":["https://api.example","x"],"sub":"a","client_id":"c","jti":"j","iat":{0}.5,"exp":{0}e0,"nbf":null,"x":[{{}}]}}"#,
        NOW.0
    );
    let id_claims = format!(
        r#"{{"iss":"{ISSUER}","aud":["{CLIENT}"],"azp":"{CLIENT}","sub":"a","nonce":"a nonce","iat":{0},"exp":{1}}}"#,
        NOW.0,
        NOW.0 + 1
    );
    let mut all = entries([
        ("unsigned", format!("eyJhbGciOiJub25lIn0.{}.", id.split('.').nth(1).unwrap_or_default())),
        ("padded", format!("{access}=")),
        ("trailing-bits", trailing_bits(&access)),
        ("trailing-bits-id", trailing_bits(&id)),
        ("json", format!("{{\"payload\":\"{access}\"}}")),
        ("encrypted", "e30.e30.e30.e30.e30".to_owned()),
        ("spaces", format!(" {secret_id}")),
        ("dots", "....".to_owned()),
        ("access", access),
        ("id", id),
        ("secret-id", secret_id),
    ]);
    all.extend([
        ("flip", vec![1, 0, 0, 0, 40, 3]),
        ("flip-signature", vec![1, 0, 1, 1, 80, 0, 0, 9, 7]),
        ("swap", vec![2, 0, 0, 0, 1, 0, 0]),
        ("edit-nonce", vec![3, 1, 0, 1, 0, 12]),
        ("edit-exp", vec![3, 0, 0, 0, 0, 5]),
        ("header", script(4, 0, header)),
        ("header-no-typ", script(4, 0, r#"{"alg":"EdDSA"}"#)),
        ("header-typ", script(4, 1, r#"{"alg":"EdDSA","typ":"at+jwt"}"#)),
        ("header-crit", script(4, 1, r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#)),
        ("header-alg", script(4, 2, r#"{"alg":"HS512","typ":"JWT"}"#)),
        ("header-twice", script(4, 1, r#"{"alg":"none","\u0061lg":"EdDSA"}"#)),
        (
            "header-jwk",
            script(4, 1, r#"{"alg":"EdDSA","jku":"https://x","jwk":{"kty":"OKP"},"x5t#S256":"x"}"#),
        ),
        ("claims", script(5, 0, &claims)),
        ("claims-cnf", script(5, 0, &claims.replacen("\"nbf\"", "\"cnf\":{},\"nbf\"", 1))),
        ("claims-azp", script(5, 1, &id_claims.replacen("\"azp\":\"app\"", "\"azp\":\"x\"", 1))),
        ("claims-id", script(5, 1, &id_claims)),
        ("claims-secret-id", script(5, 2, &id_claims)),
        ("claims-twice", script(5, 1, &id_claims.replacen('{', "{\"iss\":\"x\",", 1))),
        ("claims-aud", script(5, 1, &id_claims.replacen("[\"", "[\"x\",\"", 1))),
        ("claims-number", script(5, 1, &id_claims.replacen("\"exp\":", "\"exp\":1e300,\"x\":", 1))),
    ]);
    all
}

/// The same signature in another spelling: bits that do not count are set.
fn trailing_bits(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let at = ALPHABET.find(last).expect("base64url") | 1;
    format!("{rest}{}", &ALPHABET[at..=at])
}

fn saved() -> Entries {
    let (pending, _) = pending();
    let pending = serde_json::to_string(&pending).expect("it can be saved");
    let key = oidc_proto::flow::DpopKey::ed25519(Moment::new(NOW, [5; 32])).expect("a key");
    let key = serde_json::to_string(&key).expect("it can be saved");
    let grant = json!({
        "version": 1, "issuer": ISSUER, "client_id": CLIENT, "retries": 1, "until": NOW.0,
        "wanted": {"scopes": ["read"], "resources": ["https://api.example"], "extra": [["a", "b"]]},
    });
    let with = |name: &str, value: Value| {
        let mut grant = grant.clone();
        grant[name] = value;
        grant.to_string()
    };
    let registered = json!({
        "version": 1, "issuer": ISSUER, "client_id": CLIENT, "client_secret": "a secret of the client",
        "authentication": "client_secret_basic", "registration_access_token": "a-token-of-the-registration",
        "registration_client_uri": "https://op.example/register/1",
        "metadata": {"redirect_uris": [REDIRECT], "default_max_age": 9e9, "client_name": 7, "of_a_vendor": {"a": null}},
    })
    .to_string();
    entries([
        ("registered-other", registered.replacen(ISSUER, "https://other.example", 1)),
        ("registered-expired", registered.replacen('{', "{\"client_secret_expires_at\":1,", 1)),
        (
            "registered-place",
            registered.replacen("https://op.example/register", "http://10.0.0.1/register", 1),
        ),
        ("registered-token", registered.replacen("a-token-of", "a token of", 1)),
        ("registered", registered),
        ("pending-version", pending.replacen("\"v\":1", "\"v\":2", 1)),
        ("pending-more", pending.replacen('{', "{\"x\":1,", 1)),
        ("pending-twice", pending.replacen('{', "{\"v\":1,", 1)),
        ("pending-cut", pending.chars().take(100).collect()),
        ("pending-control", pending.replacen("app", "a\\u0000p", 1)),
        ("pending-time", pending.replacen(&NOW.0.to_string(), &i64::MIN.to_string(), 1)),
        ("pending-bound", pending.replacen('{', &format!("{{\"d\":\"{}\",", "A".repeat(43)), 1)),
        ("dpop-key", key.clone()),
        ("dpop-key-cut", key.chars().take(60).collect()),
        ("dpop-key-other", key.replacen("EdDSA", "ES256", 1)),
        (
            "pending-rights",
            pending.replacen('{', r#"{"q":["urn:a"],"g":[{"type":"a"}],"e":[{"type":"a"}],"#, 1),
        ),
        ("pending-fragment", pending.replacen('{', r##"{"q":["urn:a#b"],"g":[{"type":5}],"##, 1)),
        ("pending", pending),
        (
            "previous",
            json!({"iss": ISSUER, "sub": "a", "aud": [CLIENT], "azp": CLIENT, "auth_time": 1, "nonce": "n"})
                .to_string(),
        ),
        ("previous-short", json!({"iss": "x", "sub": "", "aud": []}).to_string()),
        ("grant", grant.to_string()),
        ("grant-retries", with("retries", 4.into())),
        ("grant-later", with("until", i64::MAX.into())),
        ("grant-reserved", with("wanted", json!({"extra": [["grant_type", "password"]]}))),
        ("grant-twice", with("wanted", json!({"extra": [["a", "1"], ["a", "2"]]}))),
        ("array", "[1,\"https://op.example/tenant\",\"app\"]".to_owned()),
    ])
}

fn requests() -> Entries {
    let bytes =
        |text: &str| [&u16::try_from(text.len()).expect("short").to_be_bytes()[..], text.as_bytes()].concat();
    // The server, the method and the certificate; then the headers, query and form.
    let with = |server: u8, shows: u8, rest: &[u8]| [&[server, 0, shows][..], rest].concat();
    let raw = |scheme: u8, text: &str| [&[0, 0, 0, 1, scheme, 0][..], &bytes(text)].concat();
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":["https://api.example"],"sub":"a","client_id":"c","jti":"j","iat":{0},"exp":{0},"cnf":{{"x":1}}}}"#,
        NOW.0
    );
    let said = format!(r#"{{"active":true,"aud":"https://api.example","exp":{},"cnf":null}}"#, NOW.0 + 1);
    vec![
        ("bearer", with(0, 0, &[1, 0, 1, 0])),
        ("bearer-bound", with(1, 0, &[1, 0, 1, 1])),
        ("bearer-twice", with(1, 0, &[2, 0, 1, 0, 0, 1, 0])),
        ("bearer-claims", with(0, 0, &[&[1, 0, 3][..], &bytes(&claims)].concat())),
        ("bearer-flipped", with(0, 0, &[1, 0, 7, 0, 0, 99, 3])),
        ("dpop", with(1, 0, &[1, 1, 1, 1, 1, 4, 1])),
        ("dpop-nonce", with(2, 0, &[1, 2, 1, 1, 1, 4, 1])),
        ("dpop-twice", with(1, 0, &[1, 1, 1, 1, 2, 4, 1, 4, 1])),
        ("dpop-other-token", with(1, 0, &[1, 1, 1, 0, 1, 4, 1])),
        (
            "dpop-edit",
            with(
                2,
                0,
                &[&[1, 1, 1, 1, 1, 5, 1, 2][..], &bytes("\"https://API.example:443/%6Frders?x\"")].concat(),
            ),
        ),
        ("dpop-no-nonce", with(2, 0, &[&[1, 1, 1, 1, 1, 5, 1, 5][..], &bytes("null")].concat())),
        ("dpop-bytes", with(1, 0, &[&[1, 1, 1, 1, 1, 6][..], &bytes("{\"jti\":1}")].concat())),
        ("certificate", with(3, 1, &[1, 0, 1, 2])),
        ("certificate-and-key", with(3, 1, &[1, 1, 1, 3, 1, 4, 3])),
        ("query", with(1, 0, &[0, 0, 2, 1, 0])),
        ("form", [&[1, 1, 0, 0, 0, 0, 2, 1, 0][..]].concat()),
        ("opaque", [raw(0, "opaque"), vec![0, 0, 0], said.into_bytes()].concat()),
        ("quotes", raw(0, "\"\\\", error=\"x")),
        ("basic", raw(4, "YTpi")),
        ("empty", Vec::new()),
    ]
}

fn introspections() -> Entries {
    let with = |members: Value| {
        let mut said = json!({"active": true, "exp": NOW.0 + 60});
        for (name, value) in members.as_object().into_iter().flatten() {
            said[name] = value.clone();
        }
        said.to_string()
    };
    entries([
        ("inactive", "{\"active\":false,\"exp\":\"soon\"}".to_owned()),
        ("inactive-nulls", "{\"active\":false,\"aud\":null,\"x\":true,\"jti\":null}".to_owned()),
        ("active", with(json!({"scope": "a b", "client_id": "c", "aud": "x", "sub": "a", "iss": ISSUER}))),
        ("lists", with(json!({"scope": ["a", "b"], "aud": ["x", "y"], "cnf": {"jkt": "k"}}))),
        ("texts", with(json!({"exp": "1800000060", "nbf": "5.9", "iat": "1e3", "sub": 7}))),
        ("nulls", with(json!({"exp": null, "aud": null, "cnf": null, "nbf": null, "jti": null}))),
        ("aud-number", with(json!({"aud": ["x", 5]}))),
        ("cnf-text", with(json!({"cnf": "k"}))),
        ("exp-huge", with(json!({"exp": 1e300}))),
        ("exp-nan", with(json!({"exp": "NaN"}))),
        ("exp-object", with(json!({"exp": {}}))),
        ("active-text", with(json!({"active": "true"}))),
        ("active-twice", "{\"active\":false,\"active\":true}".to_owned()),
        ("error", "{\"error\":\"invalid_client\"}".to_owned()),
        ("nothing", "{}".to_owned()),
    ])
}

fn renewals() -> Entries {
    vec![
        // First a caller wants a value and settles it; then time passes, a renewal is forced, and one
        // fails.
        ("keys", vec![0, 0, 0, 2, 0, 1, 60, 5, 250, 0, 1, 2, 0, 0, 6, 1, 0, 0]),
        ("tokens", vec![2, 0, 0, 2, 0, 1, 75, 6, 0, 18, 2, 0, 1, 0, 6, 0, 30, 0]),
        ("metadata", vec![1, 0, 0, 2, 0, 1, 0, 6, 20, 0, 2, 0, 0, 6, 255, 255, 0]),
        ("clock-back", vec![0, 0, 0, 2, 0, 1, 60, 7, 255, 0, 0, 5, 200, 7, 0, 90, 1, 2, 0, 0, 7, 1, 1]),
        ("clock-back-always", [&[0, 0][..], &[7, 0, 1].repeat(256)].concat()),
        ("abandoned", vec![0, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 5, 20, 0, 3, 0]),
        ("late", vec![0, 0, 0, 5, 20, 2, 1, 1, 9, 2, 0, 1, 8, 0, 4, 5, 2, 0, 0]),
        ("learned", vec![0, 0, 4, 9, 0, 1, 4, 0, 2, 0, 1, 9, 1, 1, 1]),
        (
            "extremes",
            [&[0, 1][..], &[255, 254, 253, 0, 255, 254, 0, 1, 255, 254, 0, 0], &[0, 2, 0, 1, 255, 1]]
                .concat(),
        ),
        (
            "short",
            [&[0, 1][..], &[1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 0, 1], &[0, 2, 0, 1, 1, 5, 1, 5, 1, 0, 5, 1, 1]]
                .concat(),
        ),
    ]
}
