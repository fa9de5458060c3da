//! What parses is displayed as something that parses to the same, and what does not gets a right
//! example.

#![no_main]

use bullhorn_socket::Endpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => assert_eq!(endpoint.to_string().parse(), Ok(endpoint)),
        Err(error) => assert!(error.example().parse::<Endpoint>().is_ok(), "{error}"),
    }
});
