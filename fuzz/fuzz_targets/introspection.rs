//! Fuzzes `oidc_testkit::property::introspection` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_testkit::property::introspection(data));
