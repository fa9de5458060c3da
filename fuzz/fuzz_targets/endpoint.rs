//! An endpoint that parses is displayed as text that parses to the same; one that does not parse
//! gets a correct example.

#![no_main]

use bullhorn_socket::Endpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => assert_eq!(endpoint.to_string().parse(), Ok(endpoint)),
        Err(error) => assert!(error.example().parse::<Endpoint>().is_ok(), "{error}"),
    }
});
