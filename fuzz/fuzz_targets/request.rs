//! Fuzzes `oidc_testkit::property::request` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_testkit::property::request(data));
