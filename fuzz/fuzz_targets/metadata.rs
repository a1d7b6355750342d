//! Fuzzes `oidc_properties::metadata` with libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oidc_properties::metadata(data));
